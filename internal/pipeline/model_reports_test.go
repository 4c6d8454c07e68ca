package pipeline_test

import (
	"bytes"
	"slices"

	"pgregory.net/rapid"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// cameBack reports that a mail came back from a full mailbox, once or twice. A resend is left out: it gives way to the
// link before it.
func (p *played) cameBack(t *rapid.T) {
	i := p.aSentOne(t, func(i *modelInvite) bool { return !i.resend })
	for range rapid.IntRange(1, 2).Draw(t, "times") {
		p.reported(i, events.MailBounced, "552 5.2.2")
	}
	p.model.comeBack(i)
}

// delivered reports that a mail is in the mailbox.
func (p *played) delivered(t *rapid.T) {
	i := p.aSentOne(t, func(*modelInvite) bool { return true })
	p.reported(i, events.MailDelivered, "250 2.0.0")
	p.model.deliver(i)
}

func (p *played) aSentOne(t *rapid.T, also func(*modelInvite) bool) *modelInvite {
	var sent []*modelInvite
	for _, i := range p.model.invites {
		if i.state == sSent && also(i) {
			sent = append(sent, i)
		}
	}
	if len(sent) == 0 {
		t.Skip("there is no such mail")
	}
	slices.SortFunc(sent, func(a, b *modelInvite) int { return bytes.Compare(a.id[:], b.id[:]) })
	return rapid.SampledFrom(sent).Draw(t, "whose mail")
}

func (p *played) reported(i *modelInvite, kind events.ReportKind, code string) {
	const newest = ` FROM attempts WHERE invite_id = $1 ORDER BY attempt DESC LIMIT 1`
	p.publish(events.MailReported, testkit.Object{
		"kind": kind, "message_id": testkit.Query[string](p.Scene, `SELECT message_id`+newest, i.id),
		"email": testkit.Query[string](p.Scene, `SELECT mailed_to`+newest, i.id), "code": code,
		"at": p.clock.now(), "reporter": "model",
	})
}

// comeBack fails an invite after all. Its access ends if nobody has used it and it still goes back to this invite.
func (c *contract) comeBack(i *modelInvite) {
	i.state, i.decided, i.delivered = sFailed, c.now, false
	i.revision++
	c.report("InviteFailed %s.%d", i.id, i.revision)
	c.unused(i)
}

// deliver tells once for each sending that the mail was delivered.
func (c *contract) deliver(i *modelInvite) {
	if !i.delivered {
		i.delivered = true
		c.report("InviteDelivered %s", i.id)
	}
}
