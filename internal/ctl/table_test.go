package ctl

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"portal-invites/internal/app"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

func TestTableFitsAndKeepsEveryWord(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	list := table{head: []string{"CLIENT", "RECIPIENT", "REASON", "WHAT TO DO"}}
	list.add("C-1031-with-an-id-that-nobody-would-type-by-hand", "p•••@example.com", "contact_not_primary",
		"Mark Dana Wu as Primary on Blue Bottle LLC, or send an individual invite.")
	list.add("C-2", "P-1", "email_shared", "Give 山田太郎 an email of their own, or remove the portal access of O'Hara first.")
	list.write(&out)

	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > narrow {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	// No text is lost between the lines: column by column, the cells are complete.
	joined := strings.Join(strings.Fields(out.String()), "")
	for _, word := range []string{"Primary", "individual", "山田太郎", "O'Hara", "p•••@example.com", "contact_not_primary"} {
		if !strings.Contains(joined, word) {
			t.Errorf("%s is missing in\n%s", word, out.String())
		}
	}
}

func TestTableOfNothingIsEmpty(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	(&table{head: []string{"CLIENT"}}).write(&out)
	if out.Len() > 0 {
		t.Errorf("printed %q", out.String())
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		width      int
		want       string
	}{
		{"fits", "a b", 3, "a b"},
		{"at a space", "aa bb cc", 5, "aa bb|cc"},
		{"a word longer than the line", "x abcdefgh y", 4, "x|abcd|efgh|y"},
		{"wide characters count twice", "山田太郎", 4, "山田|太郎"},
		{"nothing", "", 10, ""},
		{"a terminal obeys nothing", "a\x1b[31mb\u202ec", 20, "a\ufffd[31mb\ufffdc"},
		{"lines and tabs are spaces", "a\nb\tc", 20, "a b c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(wrap(c.text, c.width), "|"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// An id that is too long for its column is on one line, so that it can be copied. The next cells come below.
func TestIdsAreNotBroken(t *testing.T) {
	t.Parallel()
	const client, person = "6f1d7a0e-3c58-5b0c-9d7e-2a4b8c90e1f3", "contact-of-another-system-0000-4711"
	for name, c := range map[string]struct{ firm, want string }{
		"one firm": {firm, `
TIME (UTC)      OUTCOME    CLIENT        RECIPIENT        DETAIL
01-01 00:00:00  delivered  6f1d7a0e-3c58-5b0c-9d7e-2a4b8c90e1f3
                                         contact-of-another-system-0000-4711
                                                          invite
01-01 00:00:00  skipped    C-1           P-1              client_has_no_contacts
`},
		"all firms": {"", `
TIME (UTC)      OUTCOME    FIRM      CLIENT    RECIPIENT  DETAIL
01-01 00:00:00  delivered  acme      6f1d7a0e-3c58-5b0c-9d7e-2a4b8c90e1f3
                                             contact-of-another-system-0000-4711
                                                          invite
01-01 00:00:00  skipped    acme      C-1       P-1        client_has_no_contacts
`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			each := (&outcomesCmd{Firm: c.firm}).printer(app.Streams{Out: &out})
			for _, o := range []outcome{
				{Type: events.InviteDelivered, outcomeData: outcomeData{
					FirmID: firm, ClientID: client, Recipient: events.OutcomePerson{ContactID: person}, Kind: "invite",
				}},
				{Type: events.InviteSkipped, outcomeData: outcomeData{
					FirmID: firm, ClientID: "C-1", Recipient: events.OutcomePerson{ContactID: "P-1"},
					Reason: rules.ClientHasNoContacts,
				}},
			} {
				if err := each(o); err != nil {
					t.Fatal(err)
				}
			}
			if out.String() != c.want[1:] {
				t.Errorf("printed\n%s\nwant%s", out.String(), c.want)
			}
			mustFit(t, out.String())
		})
	}
}
