package standalone

import (
	"strings"
	"testing"
)

func TestParseMail(t *testing.T) {
	t.Parallel()
	nested := "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/alternative; boundary=b\n\n" +
		"--b\nContent-Type: text/plain\n\nplain\n--b\nContent-Type: text/html\n\n<p>html\n--b--\n" +
		"--a\nContent-Type: text/plain\n\nattached\n--a--\n"
	deep := strings.Repeat("Content-Type: multipart/mixed; boundary=a\n\n--a\n", 100) + "\nx\n"
	cases := map[string]struct {
		raw        string
		text, html string
		damaged    bool
	}{
		"no headers about content":         {"Subject: s\n\nbody\n", "body\n", "", false},
		"a broken content type":            {"Content-Type: ;;\n\nbody", "body", "", false},
		"HTML alone":                       {"Content-Type: text/html\n\n<p>x", "", "<p>x", false},
		"nested parts, the first of each":  {nested, "plain", "<p>html", false},
		"another charset":                  {"Content-Type: text/plain; charset=iso-8859-1\n\n\xfc", "ü", "", false},
		"an unknown charset":               {"Content-Type: text/plain; charset=nonsense\n\nx", "", "", true},
		"broken base64, kept as far":       {"Content-Transfer-Encoding: base64\n\nYWJj!!!!", "abc", "", true},
		"parts that end nowhere":           {"Content-Type: multipart/mixed; boundary=a\n\n--a\n\nx", "x", "", true},
		"neither mail nor text":            {"\x00\x01\x02", "", "", true},
		"nothing":                          {"", "", "", true},
		"more nesting than anybody writes": {deep, "", "", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseMail([]byte(strings.ReplaceAll(c.raw, "\n", "\r\n")))
			got.Text = strings.ReplaceAll(got.Text, "\r\n", "\n")
			if got.Text != c.text || got.HTML != c.html || (err != nil) != c.damaged {
				t.Errorf("got %q, %q, %v; want %q, %q, damaged %v", got.Text, got.HTML, err, c.text, c.html, c.damaged)
			}
		})
	}
}

func FuzzParseMail(f *testing.F) {
	f.Add([]byte(invite))
	f.Fuzz(func(_ *testing.T, raw []byte) {
		_, _ = ParseMail(raw) // Must not panic, nor run forever.
	})
}
