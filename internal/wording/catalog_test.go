package wording

import (
	"fmt"
	"maps"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.yaml.in/yaml/v3"
)

func catalogFile(t *testing.T, language string) string {
	t.Helper()
	raw, err := catalogFiles.ReadFile("catalog/" + language + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// phrasesIn reads a catalog as a translator sees it: every phrase under its path. The forms of a plural are one phrase.
func phrasesIn(t *testing.T, language string) map[string][]string {
	t.Helper()
	var document map[string]any
	if err := yaml.Unmarshal([]byte(catalogFile(t, language)), &document); err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	var walk func(at string, node any)
	walk = func(at string, node any) {
		switch node := node.(type) {
		case map[string]any:
			for key, below := range node {
				if _, plural := pluralForms[key]; plural {
					walk(at, below)
				} else {
					walk(path.Join(at, key), below)
				}
			}
		case []any:
			for i, below := range node {
				walk(fmt.Sprintf("%s[%d]", at, i), below)
			}
		default:
			found[at] = append(found[at], fmt.Sprint(node))
		}
	}
	walk("", document)
	return found
}

var placeholderPattern = regexp.MustCompile(`\{[^{}]*\}`)

// placeholders are those of all forms of a phrase: a form for one thing need not name the number.
func placeholders(forms []string) []string {
	all := map[string]bool{}
	for _, form := range forms {
		for _, name := range placeholderPattern.FindAllString(form, -1) {
			all[name] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// Every language has all phrases of English, with the same placeholders.
func TestCatalogsAreComplete(t *testing.T) {
	t.Parallel()
	english := phrasesIn(t, "en")
	for _, tag := range Languages() {
		theirs := phrasesIn(t, tag)
		if have, want := slices.Sorted(maps.Keys(theirs)), slices.Sorted(maps.Keys(english)); !slices.Equal(have, want) {
			t.Errorf("internal/wording/catalog/%s.yaml has the keys\n%q\nEnglish has\n%q", tag, have, want)
		}
		for at, forms := range theirs {
			if have, want := placeholders(forms), placeholders(english[at]); !slices.Equal(have, want) {
				t.Errorf("internal/wording/catalog/%s.yaml, %s: %q has the placeholders %q, English has %q",
					tag, at, forms, have, want)
			}
			for _, form := range forms {
				if form == "" || strings.TrimSpace(form) != form {
					t.Errorf("internal/wording/catalog/%s.yaml, %s: %q is empty, or has blanks around it", tag, at, form)
				}
			}
		}
	}
}

// French has a no-break space before : ; ! and ?, and inside its quotation marks. Otherwise they could begin a line.
func TestFrenchSpacing(t *testing.T) {
	t.Parallel()
	loose := regexp.MustCompile(`[^\x{a0}][:;!?»](?:\s|$)|«[^\x{a0}]`)
	for at, forms := range phrasesIn(t, "fr") {
		for _, form := range forms {
			if loose.MatchString(form) || strings.Contains(form, "'") {
				t.Errorf("%s: %q", at, form)
			}
		}
	}
}

// sample has each name, so that a phrase shows which ones it uses.
var sample = Names{
	Person: "Ada Li", Client: "Oak LLC", ContactID: "P-7", ClientID: "C-1", Other: "Elm Inc", Holder: "Omar Ode",
	Firm: "Acme Tax", License: "Document Management", Process: "file", Template: "spring", Email: "a•••@new.example",
	Login: "a•••@old.example", Minute: "09:31 PST", Who: "Maria Lopez",
	Day:      time.Date(2026, time.March, 1, 9, 0, 0, 0, time.UTC),
	Reminded: time.Date(2026, time.March, 5, 9, 0, 0, 0, time.UTC),
	Now:      time.Date(2026, time.March, 9, 0, 0, 0, 0, time.UTC),
	End:      time.Date(2026, time.March, 10, 14, 5, 0, 0, time.UTC), Code: "451", Reply: " (550 5.1.1 no such user)",
	Said: "no portal", Why: "(WHY)", Field: "logo_url", Host: "b.example", Before: "a.example",
	Taken: time.Date(2026, time.March, 4, 9, 0, 0, 0, time.UTC),
}

// allOf is everything that a catalog says, with the sample's names.
func allOf(c *Catalog) string {
	var said strings.Builder
	advise := func(which, explanation, remedy string) {
		fmt.Fprintf(&said, "%s\n  %s\n  → %s\n", which, explanation, remedy)
	}
	for _, code := range slices.Sorted(maps.Keys(c.Reasons)) {
		for _, which := range slices.Sorted(maps.Keys(c.Reasons[code])) {
			explanation, remedy := c.Reason(code, which, &sample)
			advise(code+", "+which, explanation, remedy)
		}
	}
	for _, which := range slices.Sorted(maps.Keys(c.Failures)) {
		explanation, remedy := c.Failure(which, &sample)
		advise("failures, "+which, explanation, remedy)
	}
	for _, section := range []struct {
		name    string
		phrases map[string]Phrase
		say     func(string, *Names) string
	}{
		{"labels", c.Labels, c.Label}, {"sentences", c.Sentences, c.Sentence}, {"remedies", c.Remedies, c.Remedy},
		{"warnings", c.Warnings, c.Warning},
	} {
		for _, which := range slices.Sorted(maps.Keys(section.phrases)) {
			for count := 1; count < 3; count++ {
				names := sample
				names.Count = count
				if section.phrases[which].plural != nil || count == 1 {
					fmt.Fprintf(&said, "%s, %s\n  %s\n", section.name, which, section.say(which, &names))
				}
			}
		}
	}
	return said.String()
}

// Every phrase, in every language. Read what has changed after `-run Golden -update`.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, tag := range Languages() {
		said := allOf(In(tag))
		file := path.Join("testdata", tag+".golden")
		if *update {
			if err := os.WriteFile(file, []byte(said), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if said != string(want) {
			t.Errorf("internal/wording/%s differs. In %s it is now said:\n%s", file, tag, said)
		}
		if placeholderPattern.MatchString(said) {
			t.Errorf("%s: a placeholder is left", file)
		}
	}
}

// What has no name is called by its id, and what has no id either by a word.
func TestWhatHasNoName(t *testing.T) {
	t.Parallel()
	for tag, want := range map[string][3]string{
		"en": {"contact P-7 on client C-1", "this person", "another person"},
		"es": {"el contacto P-7 on el cliente C-1", "esta persona", "otra persona"},
		"fr": {"le contact P-7 on le client C-1", "cette personne", "une autre personne"},
	} {
		c := In(tag)
		got := [3]string{
			c.say(Phrase{usual: parts("{person} on {client}")}, &Names{ContactID: "P-7", ClientID: "C-1"}),
			c.say(Phrase{usual: parts("{person}")}, &Names{}), c.say(Phrase{usual: parts("{holder}")}, &Names{}),
		}
		if got != want {
			t.Errorf("%s: %q, want %q", tag, got, want)
		}
	}
}

func TestWhichLanguage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tags []string
		want string
	}{
		{nil, "en"},
		{[]string{"", "es-MX"}, "es"},
		{[]string{"fr_CA", "es"}, "fr"},
		{[]string{"de", "fr"}, "fr"},
		{[]string{"de", "ja"}, "en"},
		{[]string{"en-GB", "es"}, "en"},
		{[]string{"und", "x-klingon", "es"}, "es"},
	} {
		if got := In(c.tags...).Language(); got != c.want {
			t.Errorf("%q: %s, want %s", c.tags, got, c.want)
		}
	}
	if !slices.Equal(Languages(), []string{"en", "es", "fr"}) {
		t.Errorf("there are %q", Languages())
	}
}

func TestBrokenCatalogsAreRefused(t *testing.T) {
	t.Parallel()
	whole := catalogFile(t, "es")
	for name, c := range map[string]struct{ file, content, says string }{
		"an unknown key":  {"es.yaml", whole + "\nreasn: x\n", "reasn"},
		"a month too few": {"es.yaml", strings.Replace(whole, "[enero, ", "[", 1), "months: has 11"},
		"an unknown placeholder": {"es.yaml",
			strings.Replace(whole, "Corrija el correo electrónico de {person}", "{persona}", 1),
			"reasons.email_invalid.plain.remedy: there is no placeholder {persona}"},
		"an empty phrase": {"es.yaml", strings.Replace(whole, "compartir un archivo", "", 1), "processes.file"},
		"not a language":  {"spanish!.yaml", whole, "not a language tag"},
		"not YAML":        {"es.yaml", "a: b: c", "catalog es.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := fstest.MapFS{"catalog/" + c.file: {Data: []byte(c.content)}}
			_, err := ReadCatalogs(files, "catalog", (*Catalog).accept)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want it to say %q", err, c.says)
			}
		})
	}
}

// Set knows each field by its key in JSON.
func TestSetKnowsEveryName(t *testing.T) {
	t.Parallel()
	for field := range reflect.TypeFor[Names]().Fields() {
		key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if key == "-" {
			continue // it is not stored
		}
		names, value := Names{}, "x"
		if key == "day" {
			value = "2026-03-01T00:00:00-08:00"
		}
		if err := names.Set(key, value); err != nil || reflect.ValueOf(names).FieldByIndex(field.Index).IsZero() {
			t.Errorf("%s is not set: %v", key, err)
		}
	}
}
