package standalone

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"
)

const (
	pageSize    = 50
	maxPageSize = 1000
)

//go:embed page/*.html
var pageFiles embed.FS

var pageTemplates = template.Must(template.New("").Funcs(template.FuncMap{
	"clock": func(t time.Time) string { return t.Local().Format("2 Jan 2006, 15:04:05") },
	"kilo":  thousands,
}).ParseFS(pageFiles, "page/*.html"))

const (
	// pagePolicy allows our pages nothing but their own style and the frame that shows a mail. No script runs on them,
	// whoever wrote it.
	pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; " +
		"base-uri 'none'; frame-ancestors 'none'"
	// mailPolicy is for the HTML of a mail. It is sandboxed even when it is opened alone. Its pictures may load, its
	// scripts and forms may not, and its links open in a new tab, so that an invite can be tried.
	mailPolicy = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; " +
		"style-src 'unsafe-inline'; img-src http: https: data:; font-src https: data:"
)

func (c *Catcher) handler() http.Handler {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /{$}", c.showList)
	routes.HandleFunc("GET /mail/{id}", c.showMail)
	routes.HandleFunc("GET /mail/{id}/html", c.showHTML)
	routes.HandleFunc("GET /mail/{id}/source", c.showSource)
	routes.HandleFunc("GET /mail/{id}/download", c.download)
	routes.HandleFunc("GET /api/messages", c.apiList)
	routes.HandleFunc("GET /api/messages/{id}", c.apiMail)
	routes.HandleFunc("GET /api/link", c.lastLink)
	routes.HandleFunc("POST /api/trouble", c.makeTrouble)
	routes.HandleFunc("GET /portal/{firm}/{token}", c.visit)
	routes.HandleFunc("POST /portal/{firm}/{token}", c.logIn)
	routes.HandleFunc("GET /portal/{firm}/{token}/decline", c.visitToDecline)
	routes.HandleFunc("POST /portal/{firm}/{token}/decline", c.decline)
	// A foreign website can't make its visitor's browser press our buttons.
	return guard(http.NewCrossOriginProtection().Handler(routes))
}

// guard refuses requests whose host is a name. A foreign website can point its own name at 127.0.0.1 (DNS rebinding)
// and read the mails through its visitor's browser. It can't do that with an IP address or with localhost.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := (&url.URL{Host: r.Host}).Hostname()
		if host != "localhost" && net.ParseIP(host) == nil {
			http.Error(w, "open this page by its address or as localhost, not under a name", http.StatusMisdirectedRequest)
			return
		}
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer") // Linked sites must not learn a mail's address.
		header.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

type listPage struct {
	Query    Query
	Total    int
	Matching int
	Messages []Message
	Older    string // The address of the next page, empty on the last.
}

func (c *Catcher) showList(w http.ResponseWriter, r *http.Request) {
	page, err := c.list(r)
	if err != nil {
		refuse(w, err)
		return
	}
	c.render(w, "list.html", page)
}

func (c *Catcher) showMail(w http.ResponseWriter, r *http.Request) {
	mail, err := c.Load(r.PathValue("id"))
	if err != nil {
		refuse(w, err)
		return
	}
	c.render(w, "mail.html", mail)
}

func (c *Catcher) render(w http.ResponseWriter, name string, data any) {
	var page bytes.Buffer // The whole page first: half a page with status 200 would hide its error.
	if err := pageTemplates.ExecuteTemplate(&page, name, data); err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Security-Policy", pagePolicy)
	send(w, "text/html; charset=utf-8", page.Bytes())
}

var headTag = regexp.MustCompile(`(?i)<head[^>]*>`)

// showHTML serves a mail's HTML with one addition: links open in a new tab, because most sites refuse to be shown in a
// frame.
func (c *Catcher) showHTML(w http.ResponseWriter, r *http.Request) {
	mail, err := c.Load(r.PathValue("id"))
	if err != nil {
		refuse(w, err)
		return
	}
	body := c.toPortal(mail.Firm, mail.HTML)
	if at := headTag.FindStringIndex(body); at != nil {
		body = body[:at[1]] + `<base target="_blank">` + body[at[1]:]
	}
	w.Header().Set("Content-Security-Policy", mailPolicy)
	send(w, "text/html; charset=utf-8", []byte(body))
}

func (c *Catcher) showSource(w http.ResponseWriter, r *http.Request) {
	raw, err := c.mails.raw(r.PathValue("id"))
	if err != nil {
		refuse(w, err)
		return
	}
	send(w, "text/plain; charset=utf-8", raw)
}

func (c *Catcher) download(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	raw, err := c.mails.raw(id)
	if err != nil {
		refuse(w, err)
		return
	}
	w.Header().Set("Content-Disposition", `attachment; filename="`+id+extension+`"`)
	send(w, "message/rfc822", raw)
}

func (c *Catcher) apiList(w http.ResponseWriter, r *http.Request) {
	page, err := c.list(r)
	if err != nil {
		refuse(w, err)
		return
	}
	answer := struct {
		Total    int       `json:"total"`    // All mails kept.
		Matching int       `json:"matching"` // Those that the search finds.
		Messages []Message `json:"messages"`
		Before   string    `json:"before,omitempty"` // The parameter for the next page.
	}{page.Total, page.Matching, page.Messages, ""}
	if page.Older != "" {
		answer.Before = page.Messages[len(page.Messages)-1].ID
	}
	sendJSON(w, answer)
}

func (c *Catcher) apiMail(w http.ResponseWriter, r *http.Request) {
	mail, err := c.Load(r.PathValue("id"))
	if err != nil {
		refuse(w, err)
		return
	}
	sendJSON(w, mail)
}

func (c *Catcher) list(r *http.Request) (listPage, error) {
	query, err := parseQuery(r.URL.Query())
	if err != nil {
		return listPage{}, err
	}
	page := listPage{Query: query, Total: c.mails.count()}
	if page.Matching, err = c.mails.matching(r.Context(), query.Search); err != nil {
		return listPage{}, err
	}
	var more bool
	if page.Messages, more, err = c.mails.list(r.Context(), query); err != nil {
		return listPage{}, err
	}
	if page.Messages == nil {
		page.Messages = []Message{} // An empty list in JSON, not null.
	}
	if more {
		next := r.URL.Query()
		next.Set("before", page.Messages[len(page.Messages)-1].ID)
		page.Older = "?" + next.Encode()
	}
	return page, nil
}

// queryError is an error in the request.
type queryError string

func (e queryError) Error() string { return string(e) }

func parseQuery(values url.Values) (Query, error) {
	query := Query{Search: values.Get("q"), Before: values.Get("before"), Limit: pageSize}
	if query.Before != "" && !idPattern.MatchString(query.Before) {
		return query, queryError("before: not the id of a mail")
	}
	if text := values.Get("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 1 || limit > maxPageSize {
			return query, queryError("limit: a number from 1 to " + strconv.Itoa(maxPageSize))
		}
		query.Limit = limit
	}
	return query, nil
}

func refuse(w http.ResponseWriter, err error) {
	var bad queryError
	status := http.StatusInternalServerError
	switch {
	case errors.As(err, &bad):
		status = http.StatusBadRequest
	case errors.Is(err, ErrNoMail):
		status = http.StatusNotFound
	}
	http.Error(w, err.Error(), status)
}

func sendJSON(w http.ResponseWriter, answer any) {
	body, err := json.MarshalIndent(answer, "", "  ")
	if err != nil {
		refuse(w, err)
		return
	}
	send(w, "application/json", append(body, '\n'))
}

func send(w http.ResponseWriter, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	//nolint:gosec // G705: what came by mail is escaped by the template, or sent under mailPolicy or as plain text.
	_, _ = w.Write(body) // The only failure is a reader that has left.
}

// thousands writes 20000 as 20,000.
func thousands(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
