package console_test

import (
	"encoding/csv"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

var (
	rowOf  = regexp.MustCompile(`(?s)<tr role="row">(.*?)</tr>`)
	linkOf = regexp.MustCompile(`<a href="([^"]*)"( rel="next"| aria-current="true")?>(?:<svg.*?</svg>)?([^<]+?) ?` +
		`(?:<span class="n">([^<]*)</span>)?</a>`)
	nameOf = regexp.MustCompile(`<th role="rowheader"[^>]*>(?:<a [^>]*>)?<?(?:bdi|span[^>]*)?>?([^<]+)<`)
)

// pageLink is a link of a page, with the count behind its words.
type pageLink struct {
	to, count string
	chosen    bool
}

// links are the links of a page by their words.
func (a answer) links() map[string]pageLink {
	all := map[string]pageLink{}
	for _, m := range linkOf.FindAllStringSubmatch(a.body, -1) {
		all[html.UnescapeString(m[3])] = pageLink{html.UnescapeString(m[1]), m[4], strings.Contains(m[2], "current")}
	}
	return all
}

// names are the people that a list shows, in its order.
func (a answer) names() (list []string) {
	for _, row := range rowOf.FindAllStringSubmatch(a.body, -1) {
		if m := nameOf.FindStringSubmatch(row[1]); m != nil {
			list = append(list, html.UnescapeString(m[1]))
		}
	}
	return list
}

// The list of people narrows by links and by a search. Each count is as long as its list, and the address has all of
// it.
func TestTheListOfPeopleNarrows(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.bulk()
	r.Settled()
	v := r.visitor()
	page := v.get("/f/acme/clients")
	page.says(t, "4 people.", "Mark Dana Wu as Primary", "https://office.example/clients/C-2")
	if got, want := page.names(), []string{"Ada Li", "Dana Wu", "Sam Oak", "Kim Lee"}; !slices.Equal(got, want) {
		t.Errorf("the list has %q, want %q", got, want)
	}
	sum := 0
	for _, name := range []string{
		"Not invited", "Not sent", "Waiting", "Invited", "Expired", "Active", "Removed",
	} {
		l, is := page.links()[name]
		n, err := strconv.Atoi(l.count)
		if !is || err != nil {
			t.Fatalf("there is no count of %q in %v", name, page.links())
		}
		sum += n
		narrowed := v.get(l.to)
		if got := len(narrowed.names()); got != n || !narrowed.links()[name].chosen {
			t.Errorf("%s: %d people are listed, and %d counted", name, got, n)
		}
	}
	if all := page.links()["Everybody"].count; all != strconv.Itoa(sum) {
		t.Errorf("the states add up to %d, and all are %s", sum, all)
	}
	for query, want := range map[string][]string{
		"reason=email_missing":          {"Kim Lee"},
		"reason=contact_not_primary":    {"Dana Wu"},
		"find=OAK":                      {"Sam Oak"},
		"find=red+barn":                 {"Sam Oak", "Kim Lee"},
		"find=ada%40x.example":          {"Ada Li"},
		"find=ada%40":                   nil,
		"find=zzz":                      nil,
		"primary=no":                    {"Dana Wu"},
		"primary=yes&state=not_sent":    {"Kim Lee"},
		"kind=individual":               nil,
		"kind=business&find=bottle":     {"Ada Li", "Dana Wu"},
		"login=within30":                nil,
		"mail=delivered":                nil,
		"mail=unknown&state=not_sent":   {"Dana Wu", "Kim Lee"},
		"noportal=1":                    nil,
		"login=notfor90&day=2026-01-31": nil,
		"state=invited&find=%25&kind=":  nil,
	} {
		got := v.get("/f/acme/clients?" + query)
		if got.code != http.StatusOK || !slices.Equal(got.names(), want) {
			t.Errorf("%s lists %d %q, want %q", query, got.code, got.names(), want)
		}
		if len(want) == 0 {
			got.says(t, "Show everybody", "Check the spelling")
		}
	}
	for query, want := range map[string]int{
		"state=gone": http.StatusBadRequest, "reason=gone": http.StatusBadRequest, "primary=maybe": http.StatusNotFound,
		"login=never": http.StatusNotFound, "login=within30&day=x": http.StatusNotFound, "cursor=x": http.StatusBadRequest,
		"find=" + strings.Repeat("x", 201): http.StatusBadRequest,
	} {
		if got := v.get("/f/acme/clients?" + query); got.code != want {
			t.Errorf("%s answers %d, want %d", query, got.code, want)
		}
	}
	for word, want := range map[string]string{
		"C-1": "/f/acme/client?client=C-1", "P-3": "/f/acme/person?client=C-2&contact=P-3",
	} {
		if got := v.get("/f/acme/clients?find=" + word); got.to != want {
			t.Errorf("the id %s leads to %d %q, want %q", word, got.code, got.to, want)
		}
	}
}

// The pages of a list lead on, keep the filter, and miss and repeat nobody.
func TestTheListOfPeopleHasPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	want := map[string]bool{}
	for n := range 60 {
		id := fmt.Sprintf("N-%02d", n)
		want["New "+id] = true
		r.UpsertContact(id, "New "+id, id+"@x.example")
		r.client("C-"+id, "Client "+id, "*"+id)
	}
	r.Handled(events.FactsDurable)
	v := r.visitor()
	first := v.get("/f/acme/clients?find=new&state=never_asked&kind=business&login=")
	first.says(t, "60 people.", "1 to 50 of 60", "Download all 60 as CSV")
	second := v.get(first.links()["Next page"].to)
	second.says(t, "60 people.", "51 to 60 of 60", `value="new"`)
	if !second.links()["Not invited"].chosen || second.links()["Next page"].to != "" {
		t.Errorf("the second page has %v", second.links())
	}
	got := slices.Concat(first.names(), second.names())
	if len(got) != 60 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != 60 || !want[got[59]] {
		t.Errorf("the pages list %q", got)
	}
	if back := v.get(second.links()["First page"].to); !slices.Equal(back.names(), first.names()) {
		t.Errorf("the first page lists %q", back.names())
	}
	next, err := url.Parse(first.links()["Next page"].to)
	if err != nil {
		t.Fatal(err)
	}
	other := next.Query()
	other.Set("state", "not_sent")
	if got := v.get("/f/acme/clients?" + other.Encode()); got.code != http.StatusBadRequest {
		t.Errorf("the cursor of another list answers %d", got.code)
	}
}

// The list as a file has the people of the filter. No cell is a formula, and names keep their accents in Excel.
func TestTheListOfPeopleAsAFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	names := map[string]string{
		"F-1": "=HYPERLINK(\"http://evil.example\")", "F-2": "+1 LLC", "F-3": "-Dash", "F-4": "@home", "F-5": "＝1+1",
		"F-6": "Zoë Núñez, \"Zo\"",
	}
	for id, name := range names {
		r.UpsertContact(id, name, id+"@x.example")
		r.client("C-"+id, name, "*"+id)
	}
	r.Handled(events.FactsDurable)
	r.bulk()
	r.Settled()
	v := r.visitor()
	file := v.get("/f/acme/clients.csv?find=" + url.QueryEscape("e"))
	text, marked := strings.CutPrefix(file.body, "\ufeff")
	if !marked || file.header.Get("Content-Disposition") != `attachment; filename="clients.csv"` {
		t.Errorf("the file begins with %.20q, and has %v", file.body, file.header)
	}
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if n := len(v.get("/f/acme/clients?find=e").names()); len(rows) != n+1 || n == 0 {
		t.Errorf("the file has %d rows, and the page %d", len(rows)-1, n)
	}
	text = strings.TrimPrefix(v.get("/f/acme/clients.csv").body, "\ufeff")
	if rows, err = csv.NewReader(strings.NewReader(text)).ReadAll(); err != nil {
		t.Fatal(err)
	}
	people := map[string][]string{}
	for _, row := range rows[1:] {
		people[row[4]] = row
		for _, cell := range row {
			if strings.ContainsAny(cell[:min(1, len(cell))], "=+-@") || strings.HasPrefix(cell, "＝") {
				t.Errorf("a cell is a formula: %q", cell)
			}
		}
	}
	for id, name := range names {
		if got := people[id]; len(got) == 0 || strings.TrimPrefix(got[3], "'") != name || got[7] != "Invited" {
			t.Errorf("%s: %q", id, got)
		}
	}
	if kim := people["P-4"]; len(kim) != 13 || kim[7] != "Not sent" || kim[9] != "No email" ||
		!strings.Contains(kim[10], "Kim Lee has no email") || kim[12] != "https://office.example/clients/C-2" {
		t.Errorf("the file says %q", kim)
	}
}

// A firm without anybody is told what has to come first.
func TestTheListOfNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	v := r.visitor()
	v.get("/f/acme/clients").says(t, "Your clients", "no client records have come in for the firm acme",
		"The settings of your firm have not arrived yet")
	r.Publish(events.FirmUpserted, testkit.FirmData())
	r.Handled(events.FactsDurable)
	for l, say := range map[string]string{
		"en": "Nothing has been sent", "es": "No se ha enviado nada", "fr": "Rien n’a été envoyé",
	} {
		v.header.Set("Accept-Language", l)
		v.get("/f/acme/clients").says(t, say)
	}
}

// A login counts by days of the firm: a page of the next day means the same days as the first page.
func TestTheListOfPeopleByLogin(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.office()
	r.Publish(events.PortalAccessGranted, testkit.Object{
		"client_id": "C-1", "contact_id": "P-1", "granted_at": "2026-01-15T12:00:00Z",
	})
	r.Settled()
	v := r.visitor()
	for query, want := range map[string][]string{
		"login=within30&day=2026-01-20": {"Ada Li"},
		"login=within30&day=2026-02-20": nil,
		"login=notfor90&day=2026-02-20": nil,
		"login=notfor90&day=2026-06-20": {"Ada Li"},
	} {
		if got := v.get("/f/acme/clients?" + query); !slices.Equal(got.names(), want) {
			t.Errorf("%s lists %q, want %q", query, got.names(), want)
		}
	}
}
