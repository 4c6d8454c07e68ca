package compose

import (
	"html"
	"strings"
	"testing"

	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
)

// namesNothing has the processes that share nothing but the portal itself.
var namesNothing = map[rules.Process]bool{rules.ClientRecord: true, rules.Bulk: true}

func TestEveryProcessHasADesign(t *testing.T) {
	t.Parallel()
	for _, process := range rules.Processes() {
		d, designed := designs[process]
		if !designed {
			t.Errorf("process %s has no design: add its row to designs in internal/mail/compose/design.go", process)
		} else if d.item == namesNothing[process] {
			t.Errorf("process %s: its design's item is %v, in designs of internal/mail/compose/design.go; "+
				"if its mail is to name nothing, add it to namesNothing here",
				process, d.item)
		}
	}
	if len(designs) > len(rules.Processes()) {
		t.Errorf("there are designs for %d processes, and rules.Processes lists %d", len(designs), len(rules.Processes()))
	}
}

// Each process, in each language, as an invite and as a reminder, makes a mail that says what it is about and what to
// do.
func TestEveryProcessComposes(t *testing.T) {
	t.Parallel()
	for _, process := range rules.Processes() {
		if _, designed := designs[process]; !designed {
			continue // TestEveryProcessHasADesign reports it
		}
		for _, c := range everyCatalog(t) {
			for _, reminder := range []bool{false, true} {
				for _, dueOn := range []string{"", "2026-04-15"} {
					checkMail(t, c, with(func(i *mail.Invitation) {
						i.Process, i.Languages, i.Reminder, i.DueOn, i.Message = process, []string{c.tag.String()}, reminder, dueOn, ""
						i.ItemName = item
					}))
				}
			}
		}
	}
}

const item = "Scan 0042 of March" // occurs nowhere else in a mail

func checkMail(t *testing.T, c *catalog, inv mail.Invitation) {
	t.Helper()
	got, err := everySender().composeIn(c, inv)
	if err != nil {
		t.Errorf("%s in %s: %v", inv.Process, c.tag, err)
		return
	}
	lost := func(what string) {
		t.Errorf("%s in %s (reminder: %v): the mail has no %s; "+
			"its words are under designs.%s of internal/mail/compose/catalog/%s.yaml:\nSubject: %s\n\n%s",
			inv.Process, c.tag, inv.Reminder, what, inv.Process, c.tag, got.Subject, got.Text)
	}
	said := c.Designs[inv.Process]
	if said.Subject == "" || !strings.Contains(got.Subject, fill(said.Subject, "{firm}", c.name(inv.Firm.Name))) {
		lost("subject")
	}
	shown := func(phrase string) bool {
		return strings.TrimSpace(phrase) != "" && strings.Contains(html.UnescapeString(got.HTML), phrase) &&
			strings.Contains(got.Text, phrase)
	}
	if said.Lead == "" || !shown(fill(said.Lead, "{sender}", c.sender(inv))) {
		lost("lead")
	}
	for what, phrase := range map[string]string{"button": said.Button, "instruction": said.Instruction, "link": inv.Link} {
		if !shown(phrase) {
			lost(what)
		}
	}
	if named := shown(item) && strings.Contains(got.Subject, item); named == namesNothing[inv.Process] {
		lost("name of what was shared, in its subject or its parts")
	}
	if inv.DueOn != "" && !shown(c.Day(dueOn(inv))) {
		lost("due date")
	}
}

// A process without a design gets no mail, and the error names the process.
func TestNoDesignNoMail(t *testing.T) {
	t.Parallel()
	got, err := Mail(with(func(i *mail.Invitation) { i.Process = "unknown" }))
	if err == nil || !strings.Contains(err.Error(), `process: no mail is designed for "unknown"`) ||
		got != (mail.Content{}) {
		t.Errorf("composed %q, error %v", got.Subject, err)
	}
}
