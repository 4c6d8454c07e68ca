package mail

import (
	"time"

	"portal-invites/internal/rules"
)

// Firm is what a mail shows about the firm that sends it.
type Firm struct {
	Name       string
	PortalURL  string // http or https; the logo and the firm's name link to it
	ReplyTo    string // may be empty; decides whether the mail says that a reply reaches the firm
	LogoURL    string // https, or empty: then the firm's name is shown
	BrandColor string // #rrggbb, or empty for a neutral blue
	Declines   bool   // the portal has the page that DeclineLink leads to
}

// Invitation is everything that one mail says, as plain values. Text is as people typed it: package compose cleans and
// escapes it.
type Invitation struct {
	Firm          Firm
	Process       rules.Process // what the sender was doing; each process has its own design
	Languages     []string      // language tags (BCP 47), best first; English if we have none of them
	Reminder      bool          // a resend: the same mail, but it says that it is a reminder
	Expiring      bool          // with Reminder: the link that this mail replaces is about to expire
	Together      []string      // with Reminder: other clients whose portals the reader has not opened yet
	ClientName    string
	RecipientName string    // may be empty: then the greeting has no name
	RequestedBy   string    // the person at the firm who sent it; empty: the firm did
	ItemName      string    // the file's name, or the title of what is to be signed or answered
	DueOn         string    // YYYY-MM-DD, or empty
	Message       string    // the sender's own words, with merge fields; may be empty
	NoContact     bool      // the recipient was added by email: addresses in Message are text (ADR 147)
	Unexpected    bool      // its reader may not expect it, and reads what to do if it was not meant for them (ADR 154)
	Link          string    // http or https
	ExpiresAt     time.Time // when Link stops working
	WrittenAt     time.Time // shows how near that is; zero: it is far away

	Zone *time.Location // the firm's, for dates; nil: not known
}

// DeclineLink is the page of the firm's portal where a reader says that the mail was not meant for them. It is "" if
// the mail has no such link.
func (inv Invitation) DeclineLink() string {
	if !inv.Unexpected || !inv.Firm.Declines || inv.Link == "" {
		return ""
	}
	return inv.Link + "/decline"
}
