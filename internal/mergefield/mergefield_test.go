package mergefield

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestUnknown(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"": nil,
		"Dear {{contact.name}} of {{ client.name }}, {{firm.name}} {{requested_by}}": nil,
		"{{contact.name\n}}":                       nil,
		"{{\u00a0contact.name}}":                   {"\u00a0contact.name"},
		"{{Contact.Name}} {{b}} {{ b }} {{a b}}":   {"Contact.Name", "b", "a b"},
		"{{}}":                                     {""},
		"{single} {{ open, } closed}, {{{a}}} {{{": {"a"},
	} {
		if got := Unknown(text); !slices.Equal(got, want) {
			t.Errorf("Unknown(%q) = %q, want %q", text, got, want)
		}
	}
}

// The fast check of a message and a thorough one agree on whether it has unknown fields.
func TestTheFastCheckFindsEveryUnknownField(t *testing.T) {
	t.Parallel()
	part := rapid.SampledFrom([]string{"{", "}", "{{", "}}", " ", "x", "client.name", "{{client.name}}",
		"{{ firm.name }}", "{{requested_by}}", "{{firm}}"})
	thorough := regexp.MustCompile(`\{\{\s*([^{}]*?)\s*\}\}`)
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOf(part).Draw(t, "parts"), "")
		unknown := slices.ContainsFunc(thorough.FindAllStringSubmatch(text, -1), func(m []string) bool {
			return !slices.Contains(All(), Field(m[1]))
		})
		if got := Unknown(text); (len(got) > 0) != unknown {
			t.Fatalf("the unknown fields of %q are %q", text, got)
		}
	})
}

func TestFill(t *testing.T) {
	t.Parallel()
	value := func(f Field) string { return "<" + string(f) + " {{firm.name}}>" }
	for text, want := range map[string]string{
		"":                              "",
		"{{client.name}}":               "<client.name {{firm.name}}>",
		"{{ contact.name\n}} {{firm}}":  "<contact.name {{firm.name}}> {{firm}}",
		"{firm.name} {{{firm.name}}} {": "{firm.name} {<firm.name {{firm.name}}>} {",
	} {
		if got := Fill(text, value); got != want {
			t.Errorf("Fill(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestKnown(t *testing.T) {
	t.Parallel()
	if got, want := Known(), "{{client.name}}, {{contact.name}}, {{firm.name}}, {{requested_by}}"; got != want {
		t.Errorf("the known fields are %s, want %s", got, want)
	}
	if unknown := Unknown(Known()); len(unknown) > 0 {
		t.Errorf("these are known and unknown at the same time: %q", unknown)
	}
}
