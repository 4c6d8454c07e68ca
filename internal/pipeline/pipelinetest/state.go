package pipelinetest

import (
	"regexp"
	"strings"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// State has counts that a redelivery must not change.
type State struct{ Mails, Outcomes, Invites, Attempts int }

// State returns the counts as they are now.
func (r *Rig) State() State {
	return State{
		len(r.Mailbox.Messages()),
		// RunProgressed is left out, because how many there are depends on the time.
		len(r.Published(events.InviteSent, events.InviteSkipped, events.InviteFailed, events.RunCompleted)),
		testkit.Query[int](r.Scene, `SELECT count(*) FROM invites`),
		testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts`),
	}
}

var linkPattern = regexp.MustCompile(`https://portal\.acme\.example/invite/([\w.-]+)`)

// TokenIn returns the token of the link in a mail.
func (r *Rig) TokenIn(m testenv.Message) string {
	r.TB.Helper()
	match := linkPattern.FindStringSubmatch(m.Text)
	if match == nil || !strings.Contains(m.HTML, match[0]) {
		r.TB.Fatalf("text and HTML should have the same link:\n%s", m.Text)
	}
	return match[1]
}
