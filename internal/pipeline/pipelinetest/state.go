package pipelinetest

import (
	"regexp"
	"strings"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// State is what a second look must not make more of.
type State struct{ Mails, Outcomes, Invites, Attempts int }

// State counts what there is now.
func (r *Rig) State() State {
	return State{
		len(r.Mailbox.Messages()),
		len(r.Published(events.InviteSent, events.InviteSkipped, events.InviteFailed, events.RunCompleted)), // progress is told at a pace
		testkit.Query[int](r.Scene, `SELECT count(*) FROM invites`), testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts`),
	}
}

var linkPattern = regexp.MustCompile(`https://portal\.acme\.example/invite/([\w.-]+)`)

// TokenIn is the token of the link in a mail.
func (r *Rig) TokenIn(m testenv.Message) string {
	r.TB.Helper()
	match := linkPattern.FindStringSubmatch(m.Text)
	if match == nil || !strings.Contains(m.HTML, match[0]) {
		r.TB.Fatalf("the same link should stand in text and HTML:\n%s", m.Text)
	}
	return match[1]
}
