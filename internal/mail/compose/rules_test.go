package compose

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matcornic/hermes/v2"
	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
)

func TestValidateNamesTheField(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*mail.Invitation)
		says   string
	}{
		"no firm name": {func(i *mail.Invitation) { i.Firm.Name = " \u00a0" }, "firm.name: empty"},
		"no portal":    {func(i *mail.Invitation) { i.Firm.PortalURL = "" }, "portal_url: not an address"},
		"script as portal": {func(i *mail.Invitation) { i.Firm.PortalURL = "javascript:alert(1)" },
			"portal_url: not an address"},
		"logo in the clear": {func(i *mail.Invitation) { i.Firm.LogoURL = "http://example.com/l.png" },
			"logo_url: not an address that begins with https://"},
		"logo as data": {func(i *mail.Invitation) { i.Firm.LogoURL = "data:image/png;base64,AA" },
			"logo_url: not an address"},
		"a color by name": {func(i *mail.Invitation) { i.Firm.BrandColor = "red" },
			`brand_color: "red" is not a color like #1f5f99`},
		"a color and more":    {func(i *mail.Invitation) { i.Firm.BrandColor = "#ffffff;x" }, "brand_color"},
		"no design":           {func(i *mail.Invitation) { i.Process = "" }, `process: no mail is designed for ""`},
		"file without a name": {func(i *mail.Invitation) { i.ItemName = "" }, "file: its name or title: empty"},
		"no client":           {func(i *mail.Invitation) { i.ClientName = "" }, "client.name: empty"},
		"due date in words": {func(i *mail.Invitation) { i.DueOn = "April 15" },
			`due_on: "April 15" is not a date like 2025-04-15`},
		"due date not existing": {func(i *mail.Invitation) { i.DueOn = "2025-02-30" }, "due_on"},
		"mistyped merge field": {func(i *mail.Invitation) { i.Message = "Hi {{contact.nmae}}" },
			"message: unknown merge field {{contact.nmae}}; there are {{client.name}}"},
		"no link":   {func(i *mail.Invitation) { i.Link = "" }, "link: not an address"},
		"no expiry": {func(i *mail.Invitation) { i.ExpiresAt = time.Time{} }, "expires_at: missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compose(with(c.change))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want it to say %q", err, c.says)
			}
		})
	}
}

func TestValidateSaysEverythingButTheLink(t *testing.T) {
	t.Parallel()
	_, err := compose(mail.Invitation{Link: "ftp://secret-token"})
	for _, field := range []string{"firm.name", "portal_url", "process", "client.name", "link", "expires_at"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("error leaves out %s: %v", field, err)
		}
	}
	if strings.Contains(err.Error(), "secret-token") {
		t.Errorf("error repeats the link: %v", err)
	}
}

func TestMessageParagraphs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		message string
		want    []string
	}{
		"none":                 {" \n\n ", nil},
		"one or two line ends": {"a\nb\n\n\nc\r\nd\re", []string{"a", "b", "c", "d", "e"}},
		"fields": {"{{contact.name}}/{{ client.name }}/{{firm.name}}/{{requested_by}}",
			[]string{"Dana Wu/{{firm.name}}/Pine/Maria"}},
		"a field across a line end":  {"Hi {{contact.name\n}}!", []string{"Hi Dana Wu!"}},
		"blanks and invisible bytes": {"\ta \u00a0 b\x00c\u202e", []string{"a bc"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inv := mail.Invitation{
				Firm: mail.Firm{Name: "Pine"}, ClientName: "{{firm.name}}", RecipientName: "Dana\nWu", RequestedBy: "Maria",
				Message: c.message,
			}
			if got := paragraphs(clean(inv), hermes.TDLeftToRight); !slices.Equal(got, c.want) {
				t.Errorf("paragraphs = %q, want %q", got, c.want)
			}
		})
	}
}

// A reader sees which host a link leads to, also if its letters look like others.
func TestHostsAreInASCII(t *testing.T) {
	t.Parallel()
	got, err := compose(with(func(i *mail.Invitation) {
		i.Firm.PortalURL, i.Link = "https://p\u0430ypal.com/b\u00fcro", "https://p\u0430ypal.com/b\u00fcro/invite/k1.AZ"
	}))
	if err != nil {
		t.Fatal(err)
	}
	const ascii = "https://xn--pypal-4ve.com/b%C3%BCro"
	for _, want := range []string{"\n" + ascii + "/invite/k1.AZ\n", "\n" + ascii + "\n"} {
		if !strings.Contains(got.Text, want) {
			t.Errorf("the text part lacks %q:\n%s", want, got.Text)
		}
	}
	if strings.Contains(got.HTML, "ypal.com/b\u00fcro") || !strings.Contains(got.HTML, `href="`+ascii) {
		t.Errorf("the HTML has another host:\n%s", got.HTML)
	}
}

func TestEmptyNamesLeaveNoHole(t *testing.T) {
	t.Parallel()
	got, err := compose(with(func(i *mail.Invitation) {
		i.RecipientName, i.RequestedBy, i.Message = " ", "", "Dear {{contact.name}},\nyours, {{requested_by}}"
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"Hello,\n", "\nHarbor & Pine CPA shared a file with you.\n", "\nDear Blue Bottle LLC,\n",
		"\nyours, Harbor & Pine CPA\n",
	} {
		if !strings.Contains(got.Text, line) {
			t.Errorf("text lacks %q:\n%s", line, got.Text)
		}
	}
}

// The default texts of Hermes for empty fields must not reach a client.
func TestNoDefaultOfHermesLeaks(t *testing.T) {
	t.Parallel()
	for name, inv := range goldens() {
		if name == "hostile" {
			continue // It has "Hermes" in a name.
		}
		got, err := compose(inv)
		if err != nil {
			t.Fatal(err)
		}
		for _, leak := range []string{
			"Hermes", "hermes", "Copyright", "©", "Yours truly", "ZgotmplZ", "having trouble", "Hi ,",
		} {
			if strings.Contains(got.HTML, leak) || strings.Contains(got.Text, leak) {
				t.Errorf("%s contains %q", name, leak)
			}
		}
	}
}

func TestReminderSaysSo(t *testing.T) {
	t.Parallel()
	for _, p := range rules.Processes() {
		got, err := compose(with(func(i *mail.Invitation) { i.Process, i.Reminder = p, true }))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(got.Subject, "Reminder: ") || !strings.Contains(got.Text, "This is a reminder. Maria Lopez") {
			t.Errorf("%s: subject %q, text:\n%s", p, got.Subject, got.Text)
		}
	}
}

// Whatever people type, the subject is one short line, the HTML has the elements and addresses of the plain mail and no
// others, and the text part contains the link.
func TestUserTextStaysText(t *testing.T) {
	t.Parallel()
	pieces := []string{
		"<b>", "</td>", "<script>", "&amp;", "\"", "'", "{{", "}}", "{{firm.name}}", "\r\n", "Bcc: a@b.example", "\u202e",
		"\x00", "`", "-->", "]]>", "<!--", "[x](http://evil.example)", "é", "名", "\xff", "a", " ", ".",
		"http://evil.example", "onload=x",
	}
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 8).Draw(t, "pieces"), "")
	})
	want := skeleton(t, mustCompose(t, with(func(i *mail.Invitation) { i.Message = "" })).HTML)
	rapid.Check(t, func(rt *rapid.T) {
		inv := with(func(i *mail.Invitation) {
			i.Firm.Name, i.ClientName = "f"+text.Draw(rt, "firm"), "c"+text.Draw(rt, "client")
			i.ItemName = "i" + text.Draw(rt, "item")
			i.RecipientName, i.RequestedBy, i.Message = text.Draw(rt, "recipient"), "r"+text.Draw(rt, "by"), ""
		})
		got, err := Mail(inv)
		if err != nil {
			rt.Fatal(err)
		}
		if strings.ContainsAny(got.Subject, "\r\n\x00") || len([]rune(got.Subject)) > 140 {
			rt.Errorf("subject %q", got.Subject)
		}
		if s := skeleton(t, got.HTML); s != want {
			rt.Errorf("the mail's structure changed:\n%s\nwant\n%s", s, want)
		}
		if !strings.Contains(got.Text, "\n"+inv.Link+"\n") {
			rt.Errorf("the text part lacks the link:\n%s", got.Text)
		}
	})
}

func mustCompose(t *testing.T, inv mail.Invitation) mail.Content {
	t.Helper()
	c, err := compose(inv)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// skeleton is a document's elements with their attribute names and addresses. It leaves out the line break of the
// signature, which depends on the names.
func skeleton(t *testing.T, document string) string {
	t.Helper()
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(document))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return b.String()
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			fmt.Fprintf(&b, "<%s", token.Data)
			for _, a := range token.Attr {
				b.WriteString(" " + a.Key)
				if a.Key == "href" || a.Key == "src" {
					b.WriteString("=" + a.Val)
				}
			}
			b.WriteString(">\n")
		case html.CommentToken:
			b.WriteString(z.Token().String() + "\n")
		}
	}
}

func TestButtonTextIsReadable(t *testing.T) {
	t.Parallel()
	for background, want := range map[string]string{
		"#000000": lightText, defaultColor: lightText, "#0b6e4f": lightText, "#cc0000": lightText,
		"#ffffff": darkText, "#FFE45C": darkText, "#f28c28": darkText,
	} {
		if got := textOn(background); got != want {
			t.Errorf("textOn(%s) = %s, want %s", background, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		background := fmt.Sprintf("#%06x", rapid.IntRange(0, 0xffffff).Draw(t, "color"))
		if c := contrast(background, textOn(background)); c < 4.5 {
			t.Errorf("%s on %s has a contrast of %.2f", textOn(background), background, c)
		}
	})
}

// Each text of the theme has the contrast of 4.5:1 that WCAG 2.2 (1.4.3) requires, on its background, in light and in
// dark mode.
func TestThemeIsReadable(t *testing.T) {
	t.Parallel()
	light, dark, _ := strings.Cut(themeHTML, "@media (prefers-color-scheme: dark)")
	for _, c := range []struct {
		theme       string
		backgrounds []string
		texts       []string
	}{
		{light, []string{"#f2f4f6", "#ffffff", "#f6f7f9"}, []string{"#2f3437", "#1c1e21", "#596066", "#1f5f99"}},
		{dark, []string{"#16191c", "#23282c", "#2d3338"}, []string{"#dfe3e6", "#f4f6f7", "#b3bbc1", "#8fbdea"}},
	} {
		for _, background := range c.backgrounds {
			if !strings.Contains(c.theme, "background-color: "+background) {
				t.Errorf("nothing is on the background %s any more", background)
			}
			for _, text := range c.texts {
				if !strings.Contains(c.theme, " color: "+text) {
					t.Errorf("no text is %s any more", text)
				}
				if ratio := contrast(text, background); ratio < 4.5 {
					t.Errorf("%s on %s has a contrast of %.2f", text, background, ratio)
				}
			}
		}
		for _, text := range regexp.MustCompile(`[ {]color: (#\w+)`).FindAllStringSubmatch(c.theme, -1) {
			if !slices.Contains(c.texts, text[1]) {
				t.Errorf("a text is %s, which this test does not know", text[1])
			}
		}
	}
}
