package compose

import (
	"html"
	"strings"
	"testing"

	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
)

// namesNothing is true of the processes in which nothing is shared but the portal itself.
var namesNothing = map[rules.Process]bool{rules.ClientRecord: true, rules.Bulk: true}

func TestEveryProcessHasADesign(t *testing.T) {
	t.Parallel()
	for _, process := range rules.Processes() {
		d, designed := designs[process]
		if !designed {
			t.Errorf("process %s has no design: add its row to designs in internal/mail/compose/design.go", process)
		} else if d.item == namesNothing[process] {
			t.Errorf("process %s: its design's item is %v, in designs of internal/mail/compose/design.go; if its mail is to name nothing, add it to namesNothing here",
				process, d.item)
		}
	}
	if len(designs) > len(rules.Processes()) {
		t.Errorf("there are designs for %d processes, and rules.Processes lists %d", len(designs), len(rules.Processes()))
	}
}

// Every process, in every language, as an invite and as a reminder, makes a mail that says what it is about and what to do.
func TestEveryProcessComposes(t *testing.T) {
	t.Parallel()
	for _, process := range rules.Processes() {
		if _, designed := designs[process]; !designed {
			continue // as TestEveryProcessHasADesign says
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

const item = "Scan 0042 of March" // nothing else in a mail reads like it

func checkMail(t *testing.T, c *catalog, inv mail.Invitation) {
	t.Helper()
	got, err := everySender().composeIn(c, inv)
	if err != nil {
		t.Errorf("%s in %s: %v", inv.Process, c.tag, err)
		return
	}
	lost := func(what string) {
		t.Errorf("%s in %s (reminder: %v): the mail has no %s; its words stand under designs.%s of internal/mail/compose/catalog/%s.yaml:\nSubject: %s\n\n%s",
			inv.Process, c.tag, inv.Reminder, what, inv.Process, c.tag, got.Subject, got.Text)
	}
	said := c.Designs[inv.Process]
	if said.Subject == "" || !strings.Contains(got.Subject, fill(said.Subject, "{firm}", c.name(inv.Firm.Name))) {
		lost("subject")
	}
	shown := func(phrase string) bool {
		return strings.TrimSpace(phrase) != "" && strings.Contains(html.UnescapeString(got.HTML), phrase) && strings.Contains(got.Text, phrase)
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
	if inv.DueOn != "" && !shown(c.longDate(dueOn(inv))) {
		lost("due date")
	}
}

// A process that nobody has designed a mail for is told by its name, and gets none.
func TestNoDesignNoMail(t *testing.T) {
	t.Parallel()
	got, err := Mail(with(func(i *mail.Invitation) { i.Process = "nobodys" }))
	if err == nil || !strings.Contains(err.Error(), `process: no mail is designed for "nobodys"`) || got != (mail.Content{}) {
		t.Errorf("composed %q, error %v", got.Subject, err)
	}
}
