package compose

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/text/language"
	"pgregory.net/rapid"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/mailtest"
	"portal-invites/internal/rules"
	"portal-invites/internal/wording"
)

// hebrew is a catalog that reads from right to left. No mail is sent in it.
var hebrew = sync.OnceValue(func() *catalog {
	read, err := wording.ReadCatalogs(os.DirFS("testdata"), "catalog", (*catalog).accept)
	if err != nil {
		panic(fmt.Errorf("internal/mail/compose/testdata/catalog: %w", err))
	}
	return read.All()[0]
})

// everyCatalog is our catalogs and the one that reads from right to left.
func everyCatalog(tb testing.TB) []*catalog {
	tb.Helper()
	ours, err := ourLanguages()
	if err != nil {
		tb.Fatalf("the catalogs of internal/mail/compose/catalog can't be read: %v", err)
	}
	return append(append([]*catalog(nil), ours.All()...), hebrew())
}

// anyInvitation draws a valid invitation that is hostile in every field.
func anyInvitation(t *rapid.T) mail.Invitation {
	text := mailtest.HostileText()
	pieces := []string{
		"a", "/", "?", "&", "=", "%20", "%zz", "%", "'", "\"", "<", ">", " ", "é", "(", ")", "*", "!", "#", ";", "@", "\\",
		"{",
		"|", "`", "[", "+", "~", "ü",
	}
	path := rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 8)
	address := func(scheme, label string) string {
		return scheme + "://h.example/" + strings.Join(path.Draw(t, label), "")
	}
	inv := with(func(i *mail.Invitation) {
		i.Firm.Name, i.ClientName, i.ItemName = "f"+text.Draw(t, "firm"), text.Draw(t, "client")+"c", "i"+text.Draw(t, "item")
		i.RecipientName, i.RequestedBy, i.Message = text.Draw(t, "recipient"), text.Draw(t, "by"), text.Draw(t, "message")
		i.Process, i.Reminder = rapid.SampledFrom(rules.Processes()).Draw(t, "process"), rapid.Bool().Draw(t, "reminder")
		i.DueOn = rapid.SampledFrom([]string{"", "2026-01-01", "2026-02-28"}).Draw(t, "due")
		i.Firm.PortalURL = address(rapid.SampledFrom([]string{"https", "http"}).Draw(t, "scheme"), "portal")
		i.Link = address("https", "link")
		i.Firm.LogoURL = rapid.SampledFrom([]string{"", address("https", "logo")}).Draw(t, "logo")
		i.Firm.ReplyTo = rapid.SampledFrom([]string{"", "office@example.com"}).Draw(t, "reply to")
		color := fmt.Sprintf("#%06X", rapid.IntRange(0, 0xffffff).Draw(t, "color"))
		i.Firm.BrandColor = rapid.SampledFrom([]string{"", "#ffe45c", color}).Draw(t, "brand")
	})
	if validate(inv) != nil {
		t.Skip("not a valid invitation")
	}
	return inv
}

// A filled shape is what Hermes renders, byte for byte: in both parts, in every design and language, in both
// directions, whatever people typed.
func TestFilledIsWhatHermesRenders(t *testing.T) {
	t.Parallel()
	catalogs := everyCatalog(t)
	filled, shapes := 0, map[shapeKey]*shape{}
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.SampledFrom(catalogs).Draw(t, "language").write(clean(anyInvitation(t)))
		if !fits(w) {
			return
		}
		filled++
		s := shapes[keyOf(w)]
		if s == nil {
			compiled, err := compile(keyOf(w))
			if err != nil {
				t.Fatal(err)
			}
			s, shapes[keyOf(w)] = compiled, compiled
		}
		html, text := s.fill(w)
		wantHTML, wantText, err := hermesRender(w)
		if err != nil {
			t.Fatal(err)
		}
		if html != wantHTML {
			t.Errorf("the HTML differs: %s", difference(html, wantHTML))
		}
		if text != wantText {
			t.Errorf("the text differs: %s", difference(text, wantText))
		}
	})
	if filled < 10 {
		t.Errorf("only %d mails fit their shape, too few for this test", filled)
	}
}

// Everyday mails must not need Hermes.
func TestOrdinaryMailsFit(t *testing.T) {
	t.Parallel()
	for name, inv := range goldens() {
		for _, c := range everyCatalog(t) {
			if !fits(c.write(clean(inv))) {
				t.Errorf("%s in %s is left to Hermes", name, c.tag)
			}
		}
	}
}

func TestWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	c := everyCatalog(t)[0]
	for _, value := range []string{"", " a", "a\u00a0", "a  b", "a\nb", "a\x00b", "\xff"} {
		w := c.write(clean(fileInvitation()))
		w.message = append(w.message, value)
		if fits(w) {
			t.Errorf("%q fits, though Hermes and its converter would change it", value)
		}
	}
}

func difference(got, want string) string {
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	around := func(s string) string { return s[max(0, i-60):min(len(s), i+60)] }
	return fmt.Sprintf("%q, want %q", around(got), around(want))
}

// Neither the theme nor the catalogs contain marks, so every mark that is found is ours.
func TestMarksAreOurs(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"theme.html": themeHTML, "theme.txt": themeText} {
		if markPattern.MatchString(text) {
			t.Errorf("%s holds a mark: %q", name, markPattern.FindString(text))
		}
	}
}

func TestShapeIsCompiledAtTheSecondUse(t *testing.T) {
	t.Parallel()
	c := newComposer()
	w := everyCatalog(t)[0].write(clean(fileInvitation()))
	if c.shapeFor(w) != nil {
		t.Error("a shape was kept at its first use")
	}
	first := c.shapeFor(w)
	if first == nil {
		t.Fatal("a shape was not kept at its second use")
	}
	other := with(func(i *mail.Invitation) { i.Firm.Name, i.Firm.BrandColor, i.RecipientName = "Oak & Co", "#123456", "" })
	if c.shapeFor(everyCatalog(t)[0].write(clean(other))) != first {
		t.Error("another firm's mail has a shape of its own")
	}
}

func TestComposerKeepsNoMoreThanItsLimit(t *testing.T) {
	t.Parallel()
	c := newComposer()
	w := everyCatalog(t)[0].write(clean(fileInvitation()))
	w.message = nil
	for range mostShapes + 10 {
		w.message = append(w.message, "a")
		c.shapeFor(w)
	}
	if n := c.shapes.Len(); n != mostShapes {
		t.Errorf("keeps %d shapes, want %d", n, mostShapes)
	}
}

// Senders share a composer; with -race this shows that they may. All of them get the same shape.
func TestSendersShareOneShape(t *testing.T) {
	t.Parallel()
	c := newComposer()
	w := everyCatalog(t)[0].write(clean(fileInvitation()))
	c.shapeFor(w)
	got := make([]*shape, 8)
	var senders sync.WaitGroup
	for i := range got {
		senders.Go(func() { got[i] = c.shapeFor(w) })
	}
	senders.Wait()
	for _, s := range got {
		if s == nil || s != got[0] {
			t.Fatalf("shapes %v: each sender has compiled one", got)
		}
	}
}

func TestComposeIsTheSameFromTheFirstMailOn(t *testing.T) {
	t.Parallel()
	for name, inv := range goldens() {
		c := newComposer()
		want, err := c.compose(inv)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got, err := c.compose(inv); err != nil || got != want {
				t.Errorf("%s: a later mail differs (%v): %s", name, err, difference(got.HTML, want.HTML))
			}
		}
	}
}

func TestHebrewIsOnlyForTests(t *testing.T) {
	t.Parallel()
	for _, c := range everyCatalog(t)[:3] {
		if c.tag == language.Hebrew {
			t.Error("the Hebrew catalog has not been proofread")
		}
	}
}
