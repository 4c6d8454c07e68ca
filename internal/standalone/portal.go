package standalone

import (
	"context"
	"net/http"
	"regexp"
	"strings"
)

// Visit is what a link opens, as the pipeline answers it (the service redeem of
// docs/contract.md).
type Visit struct {
	Firm, Token string
	Result      string // "opened"; else why not.
	Client      string // Whose portal.
	Name, Email string // The person; the email is masked before the login.
	First       bool   // This login accepts the invite; once logged in, it has.
	LoggedIn    bool
}

// Portal asks the pipeline about a link, and logs in with it unless it only peeks.
type Portal func(ctx context.Context, firm, token string, peek bool) (Visit, error)

// OpenPortal makes the links of caught mails lead to a page of ours, which stands
// for a firm's portal: nobody has one at hand while trying the pipeline out.
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

// visit shows what a link would open, as a portal shows its log-in page: it peeks,
// because programs fetch links as well, to look for harm in them.
func (c *Catcher) visit(w http.ResponseWriter, r *http.Request) { c.ask(w, r, true) }

// logIn is the button of that page.
func (c *Catcher) logIn(w http.ResponseWriter, r *http.Request) { c.ask(w, r, false) }

func (c *Catcher) ask(w http.ResponseWriter, r *http.Request, peek bool) {
	portal := c.openedPortal()
	if portal == nil {
		http.Error(w, "there is no pipeline behind this page that knows the link", http.StatusNotFound)
		return
	}
	visit, err := portal(r.Context(), r.PathValue("firm"), r.PathValue("token"), peek)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	visit.Firm, visit.Token, visit.LoggedIn = r.PathValue("firm"), r.PathValue("token"), !peek
	c.render(w, "portal.html", visit)
}

// theLink is an invite's link in the HTML of a mail: the portal's address, and the
// token behind it.
var theLink = regexp.MustCompile(`href="[^"]*/invite/([A-Za-z0-9._-]+)"`)

// toPortal makes a mail's links lead to our page.
func (c *Catcher) toPortal(firm, html string) string {
	if c.openedPortal() == nil || strings.Trim(firm, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") != "" || firm == "" {
		return html
	}
	return theLink.ReplaceAllString(html, `href="/portal/`+firm+`/$1"`)
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
		if found := tokenInText.FindStringSubmatch(mail.Text); found != nil && strings.Contains(strings.ToLower(mail.To), strings.ToLower(to)) {
			send(w, "text/plain; charset=utf-8", []byte(found[1]+"\n"))
			return
		}
	}
	refuse(w, ErrNoMail)
}
