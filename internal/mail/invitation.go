package mail

import (
	"time"

	"portal-invites/internal/rules"
)

// Firm is what a mail shows of the firm that sends it.
type Firm struct {
	Name       string
	PortalURL  string // http or https; the logo and the firm's name link to it
	ReplyTo    string // may be empty; only decides whether the mail says that a reply reaches the firm
	LogoURL    string // https, or empty: the firm's name stands in its place
	BrandColor string // #rrggbb, or empty for a neutral blue
}

// Invitation is everything one mail says, as plain values. Text comes as
// people typed it: composing cleans and escapes it.
type Invitation struct {
	Firm          Firm
	Process       rules.Process // what the sender was doing; there is a design of a mail for each
	Languages     []string      // wished for, the best first: language tags (BCP 47); English where none is spoken here
	Reminder      bool          // a resend: the same mail, which says that it is a reminder
	ClientName    string
	RecipientName string    // may be empty: the mail then greets nobody by name
	RequestedBy   string    // who at the firm sent it; may be empty: the firm did
	ItemName      string    // the file's name, or the title of what is to be signed or answered
	DueOn         string    // YYYY-MM-DD, or empty
	Message       string    // the sender's own words, merge fields still in; may be empty
	Link          string    // http or https
	ExpiresAt     time.Time // when Link stops working; shown as a date in UTC
}
