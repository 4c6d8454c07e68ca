package compose

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"portal-invites/internal/mail"
	"portal-invites/internal/mail/mailtest"
	"portal-invites/internal/rules"
)

// No mail program makes a link of a name, in any field of any design. 500 names try it, in every field at once.
func TestNoNameBecomesALink(t *testing.T) {
	t.Parallel()
	names, catalogs := mailtest.Names(), everyCatalog(t)
	if len(names) != 500 {
		t.Fatalf("%d names, want 500", len(names))
	}
	c, seen, bad := newComposer(), scanner{}, 0
	for i, name := range names {
		for _, process := range rules.Processes() {
			inv := named(name, process, i%2 == 0)
			got, err := c.composeIn(catalogs[i%len(catalogs)], inv)
			if err != nil {
				t.Fatal(err)
			}
			for part, lines := range map[string][]string{
				"the subject": {got.Subject}, "the HTML": textOf(t, got.HTML), "the text": strings.Split(got.Text, "\n"),
			} {
				for _, line := range lines {
					if links := seen.links(line, inv); len(links) > 0 {
						if bad++; bad <= 20 {
							t.Errorf("%s of a %s mail, by the name %q: %q", part, process, name, links)
						}
					}
				}
			}
			if hidden := invisible(got.Subject); hidden != "" {
				t.Errorf("the subject has %+q for %q", hidden, name)
			}
		}
	}
	if bad > 20 {
		t.Errorf("%d lines have links in all", bad)
	}
}

// A mail to somebody who is no contact has no link but ours, whatever its message says. A contact's mail may have some.
func TestAMessageToNoContactHasNoLinks(t *testing.T) {
	t.Parallel()
	c, seen := newComposer(), scanner{}
	for _, name := range mailtest.Names() {
		inv := with(func(i *mail.Invitation) {
			i.Firm.Name, i.NoContact = "www", true
			i.Message = "Pay at " + name + " now\n{{firm.name}}.evil.com\nhttp://{{firm.name}}\n" + name
		})
		got, err := c.compose(inv)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range slices.Concat(textOf(t, got.HTML), strings.Split(got.Text, "\n")) {
			if links := seen.links(line, inv); len(links) > 0 {
				t.Errorf("by the message %q: %q", name, links)
			}
		}
	}
	to := mustCompose(t, with(func(i *mail.Invitation) { i.Message = "See https://acme.example/help" }))
	if !strings.Contains(to.Text, "\nSee https://acme.example/help\n") {
		t.Errorf("a contact's mail has no link in its message:\n%s", to.Text)
	}
}

// named is an invitation with a name in every field. Its message fills them in again.
func named(name string, process rules.Process, reminder bool) mail.Invitation {
	return with(func(i *mail.Invitation) {
		i.Firm.Name, i.ClientName, i.RecipientName, i.RequestedBy, i.ItemName = name, name, name, name, name
		i.Process, i.Reminder, i.DueOn = process, reminder, "2026-04-15"
		i.Message = "Hi {{contact.name}},\n{{client.name}}, {{firm.name}} and {{requested_by}}"
	})
}

// scanner remembers the lines that it has looked at: most lines of a mail are in every mail.
type scanner map[string][]string

// links are the links that mail programs find, without those that are ours.
func (s scanner) links(line string, inv mail.Invitation) []string {
	found, known := s[line]
	if !known {
		if line != inv.Link && line != inv.Firm.PortalURL {
			found = mailtest.LinksIn(line)
		}
		s[line] = found
	}
	return found
}

// textOf returns the text that a document shows, element by element.
func textOf(t *testing.T, document string) []string {
	t.Helper()
	var lines []string
	z, hidden := html.NewTokenizer(strings.NewReader(document)), false
	for {
		switch z.Next() {
		case html.ErrorToken:
			return lines
		case html.StartTagToken:
			tag, _ := z.TagName()
			hidden = slices.Contains([]string{"style", "title"}, string(tag))
		case html.EndTagToken:
			hidden = false
		case html.TextToken:
			if text := strings.TrimSpace(string(z.Text())); text != "" && !hidden {
				lines = append(lines, html.UnescapeString(text))
			}
		case html.SelfClosingTagToken, html.CommentToken, html.DoctypeToken:
		}
	}
}

// invisible are the characters of a text that nobody sees. Isolates are left out.
func invisible(text string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("\u00ad\u200b\u2060\ufeff", r) {
			return r
		}
		return -1
	}, text)
}
