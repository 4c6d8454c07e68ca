package events

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The checks see the same fields with the same values as the decoder, however the object is written.
func TestTheChecksSeeTheSameFieldsAsTheDecoder(t *testing.T) {
	t.Parallel()
	name := rapid.SampledFrom([]string{`name`, `n\u0061me`, `NAME`, `email`, `\"`, `{`, `a\\`, ``, `é`, `\ud83d\ude00`})
	value := rapid.SampledFrom([]string{
		`null`, `"null"`, `1.5e3`, `true`, `"a\"}],"`, `[1, [2], {"name": "x"}]`, `{"name": {"email": null}}`, `{}`, ` [ ] `,
		`"\\"`,
	})
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
			t.Fatalf("the test's own object %s is not valid: %v", object, err)
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
