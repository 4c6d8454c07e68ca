package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
)

// linkCmd says what the link in a mail would open, without opening it.
type linkCmd struct {
	service
	Link   string `arg:"" optional:"" default:"-" placeholder:"LINK|-" help:"The link, or its last part; - for standard input (the default), which no shell history keeps."`
	Output string `short:"o" enum:"text,json" default:"text" help:"text or json."`
}

// Validate is called by kong once the flags are read.
func (c *linkCmd) Validate() error { return checkFirm(c.Firm) }

// Run asks, and prints the answer.
func (c *linkCmd) Run(ctx context.Context, s app.Streams) error {
	token, err := c.token(s.In)
	if err != nil {
		return err
	}
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	answer, err := conn.Redeem(ctx, conn.firm, api.RedeemRequest{Token: token, Peek: true})
	if err != nil {
		return conn.explainError(ctx, err)
	}
	if c.Output == outputJSON {
		return printJSON(s.Out, answer)
	}
	say(s.Out, "", "%s", linkSentence(answer))
	return nil
}

// longestLink, in bytes, is more than any portal's address and token take.
const longestLink = 8 << 10

// token is the last part of the link, however it was copied out of the mail. No error repeats it: whoever has it can
// log in.
func (c *linkCmd) token(in io.Reader) (string, error) {
	link := c.Link
	if link == "-" {
		content, err := io.ReadAll(io.LimitReader(in, longestLink+1))
		if err != nil {
			return "", fmt.Errorf("read the link: %w", err)
		}
		if len(content) > longestLink {
			return "", app.UsageError{Err: errors.New("link: is too long; give only the link, not the whole mail")}
		}
		link = string(content)
	}
	// A mail program may have broken the link into lines. People copy brackets and the full stop along with it.
	link = strings.Trim(strings.Join(strings.Fields(link), ""), "<>()[]\"'.,;")
	if address, err := url.Parse(link); err == nil {
		link = path.Base(address.Path)
	}
	if link == "" || link == "." || link == "/" {
		return "", app.UsageError{Err: errors.New("link: missing " +
			"(the address behind the button of the mail, or the part of it after /invite/)")}
	}
	return link, nil
}

// linkSentence says what the link would open, and what the office can do.
func linkSentence(a api.RedeemAnswer) string {
	switch a.Result {
	case api.Opened:
		person := strings.TrimSpace(a.Name + " (" + a.EmailMasked + ")")
		if a.First {
			return fmt.Sprintf("This link opens the portal of %s for %s, who has not logged in yet.",
				called(a.ClientID, a.ClientName), person)
		}
		return fmt.Sprintf("This link opens the portal of %s for %s, who has logged in before.",
			called(a.ClientID, a.ClientName), person)
	case api.LinkExpired:
		return "This link has expired. Send a new invite, or resend the invite to someone who has logged in before."
	case api.LinkReplaced:
		newest := "a newer mail"
		if !a.NewestSentAt.IsZero() {
			newest = fmt.Sprintf("the newest mail, which left on %s for %s", shown(a.NewestSentAt), a.NewestMasked)
		}
		return "This link was replaced by the one in " + newest + ". " +
			"Ask them to look for the newest mail, or resend the invite."
	case api.AccessSuspended:
		return "This link opens nothing for now: the client is archived, or no longer lists this person as a contact. " +
			"It opens again when the client is active and lists them. `invitectl status` says which it is."
	case api.AccessIsRemoved:
		return "The access this link belongs to was removed, or came to nothing. " +
			"Invite them again if they should have access."
	case api.OtherPerson:
		return "This link is for another person than the one who is logged in. It opens once nobody is logged in."
	case api.LinkInvalid:
		return "This is not a valid link of this firm: it may be mistyped, cut short, or a link of another firm. " +
			"Ask for the whole address behind the button of the mail."
	default:
		return "The worker says that the link is " + string(a.Result) + ", which this version of invitectl does not know."
	}
}
