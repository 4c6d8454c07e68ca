package standalone

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// Visit is what a link opens, as the service redeem answers (docs/contract.md).
type Visit struct {
	Firm, Token string
	Result      string // "opened", or why not.
	Client      string // The client whose portal it is.
	Name, Email string // The person; the email is masked before the login.
	First       bool   // This login accepts the invite, or has just accepted it.
	LoggedIn    bool
	Ended       bool      // Declining has ended a pending invite.
	NewestAt    time.Time // When the newest mail left, of a link that was replaced.
	NewestTo    string    // Where to, masked.
}

// Portal asks the pipeline about links.
type Portal interface {
	// Visit asks what a link opens. Unless it only peeks, it logs in with it.
	Visit(ctx context.Context, firm, token string, peek bool) (Visit, error)
	// Decline says that the mail with a link was not meant for its reader. With oneClick, a mail program says so.
	Decline(ctx context.Context, firm, token string, oneClick bool) (Visit, error)
}

// OpenPortal makes the links of caught mails lead to a page of ours that acts as a firm's portal, since nobody has a
// real one when trying out the pipeline.
func (c *Catcher) OpenPortal(portal Portal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.portal = portal
}

func (c *Catcher) openedPortal() Portal {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.portal
}

// visit shows what a link would open, like the log-in page of a portal. It only peeks, because virus scanners fetch
// links, too.
func (c *Catcher) visit(w http.ResponseWriter, r *http.Request) { c.ask(w, r, true) }

// logIn is the button on that page.
func (c *Catcher) logIn(w http.ResponseWriter, r *http.Request) { c.ask(w, r, false) }

func (c *Catcher) ask(w http.ResponseWriter, r *http.Request, peek bool) {
	portal := c.portalOrRefuse(w)
	if portal == nil {
		return
	}
	visit, err := portal.Visit(r.Context(), r.PathValue("firm"), r.PathValue("token"), peek)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	visit.Firm, visit.Token, visit.LoggedIn = r.PathValue("firm"), r.PathValue("token"), !peek
	c.render(w, "portal.html", visit)
}

func (c *Catcher) portalOrRefuse(w http.ResponseWriter) Portal {
	portal := c.openedPortal()
	if portal == nil {
		http.Error(w, "no pipeline that knows the link is behind this page", http.StatusNotFound)
	}
	return portal
}

// visitToDecline shows the page of a mail's link for those for whom it was not meant. It only peeks.
func (c *Catcher) visitToDecline(w http.ResponseWriter, r *http.Request) {
	portal := c.portalOrRefuse(w)
	if portal == nil {
		return
	}
	visit, err := portal.Visit(r.Context(), r.PathValue("firm"), r.PathValue("token"), true)
	c.renderDecline(w, r, visit, err)
}

// mostOfForm is the greatest size of a form, in bytes.
const mostOfForm = 4 << 10

// decline takes the button on that page, whose form has the field decline. Any other POST is the one click of a mail
// program (RFC 8058), which is answered without a redirect and without a cookie.
func (c *Catcher) decline(w http.ResponseWriter, r *http.Request) {
	portal := c.portalOrRefuse(w)
	if portal == nil {
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, mostOfForm)
	oneClick := r.PostFormValue("decline") == ""
	visit, err := portal.Decline(r.Context(), r.PathValue("firm"), r.PathValue("token"), oneClick)
	if oneClick && err == nil {
		send(w, "text/plain; charset=utf-8", []byte(visit.Result+"\n"))
		return
	}
	c.renderDecline(w, r, visit, err)
}

func (c *Catcher) renderDecline(w http.ResponseWriter, r *http.Request, visit Visit, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	visit.Firm, visit.Token = r.PathValue("firm"), r.PathValue("token")
	c.render(w, "decline.html", visit)
}

// inviteLink is an invite's link in the HTML of a mail: the portal's address, followed by the token. It may lead to the
// page on which people decline.
var inviteLink = regexp.MustCompile(`href="[^"]*/invite/([A-Za-z0-9._-]+(?:/decline)?)"`)

// plainFirm is the id of a firm, which becomes a part of a path.
var plainFirm = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// toPortal makes a mail's links lead to our page.
func (c *Catcher) toPortal(firm, html string) string {
	if c.openedPortal() == nil || !plainFirm.MatchString(firm) {
		return html
	}
	return inviteLink.ReplaceAllString(html, `href="/portal/`+firm+`/$1"`)
}

var tokenInText = regexp.MustCompile(`/invite/([A-Za-z0-9._-]+)`)

// lastLink answers with the token of the newest mail to an address that has one.
func (c *Catcher) lastLink(w http.ResponseWriter, r *http.Request) {
	to := r.URL.Query().Get("to")
	if to == "" {
		refuse(w, queryError("to: missing (an address)"))
		return
	}
	messages, err := c.Messages(r.Context(), Query{Search: to})
	if err != nil {
		refuse(w, err)
		return
	}
	for _, message := range messages {
		mail, err := c.Load(message.ID)
		if err != nil {
			continue // Removed meanwhile.
		}
		found := tokenInText.FindStringSubmatch(mail.Text)
		if found != nil && strings.Contains(strings.ToLower(mail.To), strings.ToLower(to)) {
			send(w, "text/plain; charset=utf-8", []byte(found[1]+"\n"))
			return
		}
	}
	refuse(w, ErrNoMail)
}
