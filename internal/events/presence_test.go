package events

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// What is checked is what is decoded: of every object the same fields with the same values as the decoder takes it apart,
// however it is written.
func TestFieldsAreThoseThatTheDecoderSees(t *testing.T) {
	t.Parallel()
	name := rapid.SampledFrom([]string{`name`, `n\u0061me`, `NAME`, `email`, `\"`, `{`, `a\\`, ``, `é`, `\ud83d\ude00`})
	value := rapid.SampledFrom([]string{`null`, `"null"`, `1.5e3`, `true`, `"a\"}],"`, `[1, [2], {"name": "x"}]`, `{"name": {"email": null}}`, `{}`, ` [ ] `, `"\\"`})
	space := rapid.SampledFrom([]string{"", " ", "\n\t"})
	rapid.Check(t, func(t *rapid.T) {
		var members []string
		for range rapid.IntRange(0, 12).Draw(t, "fields") {
			s := space.Draw(t, "space")
			members = append(members, s+`"`+name.Draw(t, "name")+`"`+s+":"+s+value.Draw(t, "value")+s)
		}
		object := "{" + strings.Join(members, ",") + "}"
		var want map[string]json.RawMessage
		if err := json.Unmarshal([]byte(object), &want); err != nil {
			t.Fatalf("the test has made %s: %v", object, err)
		}
		got := fieldsOf(object, "")
		for name, value := range want {
			if got.value(name) != string(value) {
				t.Fatalf("%s of %s is %q, want %q", name, object, got.value(name), value)
			}
		}
		for _, field := range got.object {
			if _, there := want[field.name]; !there {
				t.Fatalf("%s has no %s", object, field.name)
			}
		}
		_, small := want["name"]
		_, capital := want["NAME"]
		if ambiguous := got.ambiguous(); ambiguous != (small && capital) {
			t.Fatalf("%s: ambiguous is %v", object, ambiguous)
		}
	})
}

// The quick look at a message finds no unknown merge field where the thorough one does, and the other way round.
func TestUnknownMergeFields(t *testing.T) {
	t.Parallel()
	part := rapid.SampledFrom([]string{"{", "}", "{{", "}}", " ", "x", "client.name", "{{client.name}}", "{{ firm.name }}", "{{requested_by}}", "{{firm}}"})
	thorough := regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`)
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(part).Draw(t, "parts"), "")
		unknown := slices.ContainsFunc(thorough.FindAllStringSubmatch(text, -1), func(m []string) bool { return !slices.Contains(mergeFields, m[1]) })
		f := &fields{}
		f.message("text", text)
		if refused := f.err() != nil; refused != unknown {
			t.Fatalf("%q is refused: %v", text, refused)
		}
	})
}
