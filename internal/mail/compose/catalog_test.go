package compose

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.yaml.in/yaml/v3"

	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
	"portal-invites/internal/wording"
)

// phrasesIn reads a catalog as a translator sees it: every phrase under its path, such as designs.file.lead.
func phrasesIn(t *testing.T, raw []byte) map[string]string {
	t.Helper()
	var document any
	if err := yaml.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var walk func(path string, node any)
	walk = func(path string, node any) {
		switch node := node.(type) {
		case map[string]any:
			for key, below := range node {
				walk(strings.TrimPrefix(path+"."+key, "."), below)
			}
		case []any:
			for i, below := range node {
				walk(fmt.Sprintf("%s[%d]", path, i), below)
			}
		default:
			found[path] = fmt.Sprint(node)
		}
	}
	walk("", document)
	return found
}

var placeholderPattern = regexp.MustCompile(`\{[^{}]*\}`)

func placeholders(phrase string) []string {
	return slices.Sorted(slices.Values(placeholderPattern.FindAllString(phrase, -1)))
}

func catalogFile(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := catalogFiles.ReadFile("catalog/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Every language has all phrases of English, with the same placeholders.
func TestCatalogsAreComplete(t *testing.T) {
	t.Parallel()
	english := phrasesIn(t, catalogFile(t, "en.yaml"))
	for _, c := range everyCatalog(t) {
		if c == hebrew() {
			continue
		}
		theirs := phrasesIn(t, catalogFile(t, c.tag.String()+".yaml"))
		if have, want := slices.Sorted(maps.Keys(theirs)), slices.Sorted(maps.Keys(english)); !slices.Equal(have, want) {
			t.Errorf("internal/mail/compose/catalog/%s.yaml has the keys\n%q\nEnglish has\n%q", c.tag, have, want)
		}
		for path, phrase := range theirs {
			if have, want := placeholders(phrase), placeholders(english[path]); !slices.Equal(have, want) {
				t.Errorf("internal/mail/compose/catalog/%s.yaml, %s: %q has the placeholders %q, English has %q",
					c.tag, path, phrase, have, want)
			}
			if tidied := strings.TrimSpace(phrase); tidied == "" || tidied != phrase && path != "colon" {
				t.Errorf("internal/mail/compose/catalog/%s.yaml, %s: %q is empty, or has blanks around it", c.tag, path, phrase)
			}
		}
	}
}

// The code fills in every placeholder: one that is left would be in a client's mail.
func TestNoPlaceholderIsLeft(t *testing.T) {
	t.Parallel()
	for _, c := range everyCatalog(t) {
		for _, process := range rules.Processes() {
			w := c.write(clean(with(func(i *mail.Invitation) { i.Process, i.Reminder, i.DueOn = process, true, "2026-04-15" })))
			for _, said := range append(w.values(), w.subject) {
				if placeholderPattern.MatchString(said) {
					t.Errorf("%s, %s: %q", c.tag, process, said)
				}
			}
		}
	}
}

// French has a no-break space before : ; ! and ?, which could otherwise begin a line.
func TestFrenchSpacing(t *testing.T) {
	t.Parallel()
	loose := regexp.MustCompile(`[^\x{a0}][:;!?](?:\s|$)`)
	for path, phrase := range phrasesIn(t, catalogFile(t, "fr.yaml")) {
		if loose.MatchString(phrase) {
			t.Errorf("%s: %q", path, phrase)
		}
	}
}

func TestLanguageOfAMail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		contact, firm, want string
	}{
		"nobody said":                       {"", "", "en"},
		"the contact's":                     {"fr", "es", "fr"},
		"the contact's, with a region":      {"es-MX", "en-US", "es"},
		"in another spelling":               {"FR_ca", "", "fr"},
		"with a script":                     {"es-Latn-419", "", "es"},
		"the firm's":                        {"", "fr-CA", "fr"},
		"one not spoken here":               {"de-DE", "es", "es"},
		"neither spoken here":               {"de", "ja", "en"},
		"a neighbour's":                     {"gl", "en", "es"},
		"not a tag":                         {"american", "fr", "fr"},
		"a tag of nothing":                  {"und", "fr", "fr"},
		"one of their own":                  {"x-klingon", "fr", "fr"},
		"a new one":                         {"qaa-QM", "fr", "fr"},
		"English, though the firm's is not": {"en-GB", "es", "en"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := compose(with(func(i *mail.Invitation) { i.Languages = []string{c.contact, c.firm} }))
			if err != nil {
				t.Fatal(err)
			}
			if got.Language != c.want || !strings.Contains(got.HTML, `<html lang="`+c.want+`"`) {
				t.Errorf("a contact of %q at a firm of %q gets %q, want %q", c.contact, c.firm, got.Language, c.want)
			}
		})
	}
}

func TestLongDate(t *testing.T) {
	t.Parallel()
	first, later := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC),
		time.Date(2026, time.August, 15, 12, 0, 0, 0, time.UTC)
	for _, c := range everyCatalog(t) {
		want := map[string][2]string{
			"en": {"March 1, 2026", "August 15, 2026"},
			"es": {"1 de marzo de 2026", "15 de agosto de 2026"},
			"fr": {"1er mars 2026", "15 août 2026"},
			"he": {"1 במרץ 2026", "15 באוגוסט 2026"},
		}[c.tag.String()]
		if got := [2]string{c.Day(first), c.Day(later)}; got != want {
			t.Errorf("%s: %q, want %q as TestLongDate has it, internal/mail/compose/catalog_test.go", c.tag, got, want)
		}
	}
}

// A link ends at 03:08 UTC on November 27, which is 7:08 in the evening of the 26th in California. In the mail, the day
// is that of the firm. Without a zone it is a day on which the link works everywhere. If it is near, the hour is said.
func TestTheDayALinkEnds(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, time.November, 27, 3, 8, 25, 0, time.UTC)
	for _, look := range []struct {
		zone string
		left time.Duration
		want map[string]string
	}{
		{"", 30 * 24 * time.Hour, map[string]string{
			"en": "This personal link is valid until November 25, 2026.",
			"es": "Este enlace personal es válido hasta el 25 de noviembre de 2026.",
			"fr": "Ce lien personnel est valable jusqu’au 25 novembre 2026.",
		}},
		{"America/Los_Angeles", wording.Soon, map[string]string{
			"en": "This personal link expires on November 26, 2026.",
			"es": "Este enlace personal vence el 26 de noviembre de 2026.",
			"fr": "Ce lien personnel expire le 26 novembre 2026.",
		}},
		{"America/Los_Angeles", wording.Soon - time.Second, map[string]string{
			"en": "This personal link expires on November 26, 2026 at 7:08 PM (PST).",
			"es": "Este enlace personal vence el 26 de noviembre de 2026, 19:08 (PST).",
			"fr": "Ce lien personnel expire le 26 novembre 2026 à 19 h 08 (PST).",
		}},
		{"", time.Hour, map[string]string{"en": "This personal link expires on November 27, 2026 at 3:08 AM (UTC)."}},
	} {
		for lang, want := range look.want {
			inv := mail.Invitation{ExpiresAt: at, WrittenAt: at.Add(-look.left), Zone: rules.Location(look.zone)}
			if got := chosen(t, []string{lang}).expiry(inv); got != want {
				t.Errorf("%s, zone %q, %s left: %q, want %q", lang, look.zone, look.left, got, want)
			}
		}
	}
	// Midnight in UTC-12 ends the last day of the earth.
	midnight := time.Date(2026, time.November, 27, 12, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time]int{midnight.Add(-time.Second): 25, midnight: 26} {
		if got := lastWholeDay(at).Day(); got != want {
			t.Errorf("the last whole day at %s is the %dth, want the %dth", at, got, want)
		}
	}
}

// Every month has its own name.
func TestMonths(t *testing.T) {
	t.Parallel()
	for _, c := range everyCatalog(t) {
		if names := slices.Compact(slices.Sorted(slices.Values(c.Months))); len(names) != 12 {
			t.Errorf("%s: months %q", c.tag, c.Months)
		}
	}
}

func TestBrokenCatalogsAreRefused(t *testing.T) {
	t.Parallel()
	whole := string(catalogFile(t, "es.yaml"))
	for name, c := range map[string]struct{ file, content, says string }{
		"an unknown key":  {"es.yaml", whole + "\nleed: x\n", "leed"},
		"a month too few": {"es.yaml", strings.Replace(whole, "[enero, ", "[", 1), "months: has 11"},
		"a bare frame": {"es.yaml", strings.Replace(whole, "client: Cliente", "client:", 1),
			"catalog es.yaml: client: empty"},
		"no such phrase": {"es.yaml", strings.Replace(whole, "    button: Ver el archivo\n", "", 1),
			"catalog es.yaml: designs.file.button: empty"},
		"nothing to name": {"es.yaml", strings.Replace(whole, "    item: Archivo\n", "", 1),
			"catalog es.yaml: designs.file.item: empty"},
		"a design too few": {"es.yaml", regexp.MustCompile(`  survey:\n(    .*\n)+`).ReplaceAllString(whole, ""),
			"catalog es.yaml: designs.survey.subject: empty"},
		"a design too many": {"es.yaml", whole + "  unknown: {subject: Factura}\n",
			"catalog es.yaml: designs.unknown: no process"},
		"a name too many": {"es.yaml",
			strings.Replace(whole, "    button: Abrir el portal\n", "    button: Abrir el portal\n    item: Portal\n", 1),
			"catalog es.yaml: designs.client_record.item: its design names nothing"},
		"not a language":  {"spanish!.yaml", whole, "not a language tag"},
		"not YAML":        {"es.yaml", "a: b: c", "catalog es.yaml"},
		"none whatsoever": {"readme.txt", "", "no catalogs"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := fstest.MapFS{"catalog/" + c.file: {Data: []byte(c.content)}}
			_, err := wording.ReadCatalogs(files, "catalog", (*catalog).accept)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want it to say %q", err, c.says)
			}
		})
	}
}

// Mails and the office name days and months alike. Only how they write an hour may differ.
func TestMailsAndTheOfficeHaveOneCalendar(t *testing.T) {
	t.Parallel()
	for _, tag := range wording.Languages() {
		mails, office := chosen(t, []string{tag}).Calendar, wording.In(tag).Calendar
		mails.Moment, office.Moment = "", ""
		if !reflect.DeepEqual(mails, office) {
			t.Errorf("%s: mails have %+v, the office has %+v", tag, mails, office)
		}
	}
}
