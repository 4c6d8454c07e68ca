package address

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, raw, normal string }{
		{"plain", "dana@example.com", "dana@example.com"},
		{"case folds on both sides of the @", "Dana.Wu@Example.COM", "dana.wu@example.com"},
		{"white space around it", "  dana@example.com\t\n", "dana@example.com"},
		{"no-break spaces around it", "\u00a0dana@example.com\u202f", "dana@example.com"},
		{"zero-width spaces around it", "\ufeffdana@example.com\u200b", "dana@example.com"},
		{"plus addressing is kept", "dana+tax@example.com", "dana+tax@example.com"},
		{"IDN domain", "dana@Bücher.example", "dana@xn--bcher-kva.example"},
		{"IDN domain in ASCII form already", "dana@XN--bcher-kva.example", "dana@xn--bcher-kva.example"},
		{"IDN full stop", "dana@example。com", "dana@example.com"},
		{"apostrophe", "o'neil@example.com", "o'neil@example.com"},

		{"empty", "", ""},
		{"only spaces", " \u00a0 ", ""},
		{"no @", "dana.example.com", ""},
		{"two @", "dana@@example.com", ""},
		{"a space inside", "dana wu@example.com", ""},
		{"no domain", "dana@", ""},
		{"no local part", "@example.com", ""},
		{"domain without a dot", "dana@localhost", ""},
		{"domain with an empty label", "dana@example..com", ""},
		{"comma for a dot", "dana@example,com", ""},
		{"trailing dot", "dana@example.com.", ""},
		{"double dot", "dana..wu@example.com", ""},
		{"number at the end", "dana@10.0.0.1", ""},
		{"two addresses", "dana@example.com;lee@example.com", ""},
		{"a display name", "Dana <dana@example.com>", ""},
		{"header injection", "dana@example.com\r\nBcc: x@example.com", ""},
		{"non-ASCII local part", "dána@example.com", ""},
		{"quoted local part", `"dana wu"@example.com`, ""},
		{"local part over 64 octets", strings.Repeat("a", 65) + "@example.com", ""},
		{"address over 254 octets", "a@" + strings.Repeat("abcdefgh.", 30) + "com", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := Parse(c.raw)
			if got.Normal != c.normal {
				t.Errorf("Parse(%q).Normal = %q, want %q", c.raw, got.Normal, c.normal)
			}
			if (Check(c.raw) == nil) != (c.normal != "") {
				t.Errorf("Check(%q) = %v, which does not agree with Parse", c.raw, Check(c.raw))
			}
		})
	}
}

func TestTheNormalFormIsItsOwnNormalForm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		likely := rapid.StringMatching(`[ \x{a0}]?[A-Za-z.+_]{1,10}@[A-Za-zäÖß-]{1,10}\.[a-zA-Z]{2,5}[ \x{a0}]?`)
		raw := rapid.OneOf(rapid.String(), likely).Draw(t, "raw")
		once := Parse(raw).Normal
		if once == "" {
			return
		}
		if twice := Parse(once).Normal; twice != once {
			t.Fatalf("Parse(%q) = %q, and parsed again %q", raw, once, twice)
		}
		if capitals := Parse(" " + strings.ToUpper(once) + "\u00a0").Normal; capitals != once {
			t.Fatalf("%q in capitals and between spaces became %q", once, capitals)
		}
	})
}
