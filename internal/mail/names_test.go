package mail

import (
	"strings"
	"testing"
)

func TestUnlinked(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Dana Wu":                    "Dana Wu",
		"St. Mary & Co.":             "St. Mary & Co.",
		"2024 (signed).pdf":          "2024 (signed)_.pdf",
		"https://evil.example/login": "https_://_evil_.example/login",
		"at 12:30, or 4:05":          "at 12:30, or 4:05",
		"Re:Tax":                     "Re_:Tax",
		"dana@evil.example":          "dana@evil_.example",
		`"Dana" <dana@evil.example>`: "”Dana” ‹dana@evil_.example›",
		`Smith's "Tax" <b>`:          `Smith's "Tax" <b>`,
		`\\evil\share`:               `\_\evil_\share`,
		"例子。中国":                      "例子_。中国",
		"a..b.":                      "a_._.b.",
		"evil\u2060.example":         "evil_.example",
		"http\u00ad://evil":          "http\u00ad_://_evil",
		"J.P. Morgan":                "J_.P. Morgan",
		".htaccess ..":               ".htaccess ..",
		"javascript:alert(1)":        "javascript_:alert(1)",
		"\xff.x":                     "\ufffd_.x",
	} {
		want = strings.ReplaceAll(want, "_", "\u2060")
		got := Unlinked(name)
		if got != want {
			t.Errorf("Unlinked(%q) = %+q, want %+q", name, got, want)
		}
		if again := Unlinked(got); again != got {
			t.Errorf("Unlinked(%q) twice = %+q, want %+q", name, again, got)
		}
	}
}

func TestInHeader(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		limit int
		want  string
	}{
		{"Acme CPA", 0, "Acme CPA"},
		{"2024 Form 1120-S, signed copy.pdf", 0, "2024 Form 1120-S, signed copy.pdf"},
		{"J.P. Morgan & Co.", 0, "J.P. Morgan & Co."},
		{"RE:2024 organizer, 12:30", 0, "RE:2024 organizer, 12:30"},
		{"https://evil.example/a.pdf", 0, "https ://evil. example/a. pdf"},
		{"see www.evil.unheardof", 0, "see www. evil. unheardof"},
		{"acme.com", 0, "acme. com"},
		{"acme.com.pdf", 0, "acme. com.pdf"},
		{"signed.zip", 0, "signed. zip"},
		{"пример.рф", 0, "пример. рф"},
		{"evil。com", 0, "evil。 com"},
		{`Dana "D" <dana@evil.example>`, 0, "Dana ”D” ‹dana@evil. example›"},
		{"tel:+19005550100", 0, "tel :+19005550100"},
		{`\\evil\share`, 0, `\ \evil\share`},
		{"=?utf-8?Q?IRS?=", 0, "= ?utf-8?Q?IRS?="},
		{"evil.\u200bcom", 0, "evil. com"},
		{"evil.company", 8, "evil. c…"},
		{"evil.cobber", 8, "evil. co…"},
		{"a\r\nBcc: b\u202e", 0, "a Bcc: b"},
		{"דנה", 0, "דנה"},
	} {
		got := InHeader(c.name, c.limit)
		if got != c.want {
			t.Errorf("InHeader(%q, %d) = %q, want %q", c.name, c.limit, got, c.want)
		}
		if again := InHeader(got, 0); again != got {
			t.Errorf("InHeader(%q) twice = %q, want %q", c.name, again, got)
		}
	}
}
