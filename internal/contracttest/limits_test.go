package contracttest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"portal-invites/internal/events"
)

// limit is the greatest length of a field in its schema.
type limit struct {
	path    string
	most    int
	entries bool // most counts the entries of a list, not characters
}

func limits(schema *jsonschema.Schema) []limit {
	var found []limit
	for path, p := range properties(schema) {
		if most := resolved(p.schema, func(s *jsonschema.Schema) *int { return s.MaxLength }); most != nil {
			found = append(found, limit{path, *most, false})
		}
		if most := resolved(p.schema, func(s *jsonschema.Schema) *int { return s.MaxItems }); most != nil {
			found = append(found, limit{path, *most, true})
		}
	}
	return found
}

// At every limit of every schema, the workers accept the longest value and refuse a value that is longer by one.
func TestLimitsAgree(t *testing.T) {
	t.Parallel()
	for _, typ := range events.IncomingTypes() {
		t.Run(string(typ), func(t *testing.T) {
			t.Parallel()
			schema := schemaOf(t, string(typ))
			for _, l := range limits(schema) {
				// At least one of the valid documents can have the field. It excludes fields of the others.
				ok := slices.ContainsFunc(valid(t, typ), func(document string) bool {
					longest, longer := with(t, document, l.path, l.fill(l.most)), with(t, document, l.path, l.fill(l.most+1))
					return refused(typ, longest) == nil && faults(t, schema, longest) == nil &&
						slices.Contains(refused(typ, longer), l.path) && slices.Contains(faults(t, schema, longer), l.path)
				})
				if !ok {
					t.Errorf("%s: schema and workers do not agree that the most is %d", l.path, l.most)
				}
			}
		})
	}
}

// valid returns the example of a type. If two fields exclude each other, it also returns a document with the other one.
func valid(t *testing.T, typ events.Type) []string {
	t.Helper()
	base := example(t, typ)
	documents := []string{base}
	if typ == events.PortalAccessGranted || typ == events.PersonErased || typ == events.ErasureLifted {
		return append(documents, with(t, with(t, base, "contact_id", ""), "email", `"dana.wu@bluebottle.example"`))
	}
	declared := properties(schemaOf(t, string(typ)))
	for path, value := range map[string]string{
		"recipients[0]": `{"email": "pat.lee@lee.example", "name": "Pat Lee"}`,
		"selection":     `{"client_ids": ["C-1"]}`,
	} {
		if _, has := declared[path]; has {
			documents = append(documents, with(t, base, path, value))
		}
	}
	if _, has := declared["selection.statuses"]; has {
		documents = append(documents, with(t, base, "selection", `{"statuses": {"primary": true}}`))
	}
	if _, has := declared["message"]; has {
		documents = append(documents, with(t, base, "message", `{"text": "Hello"}`),
			with(t, base, "message", `{"template_id": "t"}`))
	}
	return documents
}

// fill returns a value of length n, in the form that the field needs.
func (l limit) fill(n int) string {
	if l.entries {
		entries := make([]string, n)
		for i := range entries {
			id := strconv.Quote("C-" + strconv.Itoa(i))
			switch l.path {
			case "recipients":
				id = `{"contact_id": ` + id + `}`
			case "contacts":
				id = `{"primary": false, "contact_id": ` + id + `}`
			}
			entries[i] = id
		}
		return "[" + strings.Join(entries, ",") + "]"
	}
	text := strings.Repeat("ä", n) // n characters, but 2n octets
	switch {
	case strings.HasSuffix(l.path, "_url"):
		const host = "https://acme.example/"
		text = host + strings.Repeat("p", n-len(host))
	case l.path == "sender":
		text = strings.Repeat("n", n)
	case strings.HasSuffix(l.path, "locale"):
		text = "x" + strings.Repeat("-a", (n-1)/2) + strings.Repeat("b", (n-1)%2)
	case l.most == 254: // a valid email
		label := strings.Repeat("d", 63) + "."
		text = strings.Repeat("a", 64) + "@" + label + label
		text += strings.Repeat("e", n-len(text))
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}

func TestEveryTextIsLimited(t *testing.T) {
	t.Parallel()
	for _, typ := range events.IncomingTypes() {
		for path, p := range properties(schemaOf(t, string(typ))) {
			isText := resolved(p.schema, func(s *jsonschema.Schema) *jsonschema.Types { return s.Types })
			if isText == nil || !slices.Contains(isText.ToStrings(), "string") {
				continue
			}
			longest := resolved(p.schema, func(s *jsonschema.Schema) *int { return s.MaxLength })
			format := resolved(p.schema, func(s *jsonschema.Schema) *jsonschema.Format { return s.Format })
			// These have a pattern of a few characters, are durations with a limit of their own, or names of a list.
			bounded := path == "brand_color" || path == "code" || path == "max_age" || path == "reminder_after" ||
				path == "time_zone" || path == "send_hours"
			if longest == nil && format == nil && !bounded {
				t.Errorf("%s: %s may be of any length", typ, path)
			}
		}
	}
}

// Every limit in the workers' source is in a schema, or belongs to the envelope. All of them are in the contract.
func TestContractListsEveryLimit(t *testing.T) {
	t.Parallel()
	inSchemas := map[int]bool{}
	for _, typ := range events.IncomingTypes() {
		for _, l := range limits(schemaOf(t, string(typ))) {
			inSchemas[l.most] = true
		}
	}
	table := section(t, contract(t), "## Limits")
	for _, c := range []struct {
		file     string
		envelope bool
	}{
		{"../events/validate.go", false},
		{"../events/envelope.go", true},
	} {
		constant := regexp.MustCompile(`(?m)^\s*(?:const )?(max[A-Z]\w*)\s*=\s*([0-9_]+)$`)
		constants := constant.FindAllStringSubmatch(readFile(t, c.file), -1)
		if len(constants) == 0 {
			t.Errorf("%s has no limits: have they moved?", c.file)
		}
		for _, constant := range constants {
			most, err := strconv.Atoi(strings.ReplaceAll(constant[2], "_", ""))
			if err != nil {
				t.Fatal(err)
			}
			if !c.envelope && !inSchemas[most] {
				t.Errorf("%s is %d, which is not a limit in any schema", constant[1], most)
			}
			if !regexp.MustCompile(`\b` + thousands(most) + `\b`).MatchString(table) {
				t.Errorf("%s is %s, which is not under Limits in docs/contract.md", constant[1], thousands(most))
			}
		}
	}
}

// thousands formats a number below a million with a comma, as people write it.
func thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}
