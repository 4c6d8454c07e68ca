package pipeline_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

// replay asks for a replay with a filter of any kind.
func (p *played) replay(t *rapid.T) {
	filter := testkit.Object{}
	var tests []func(*modelInvite) bool
	narrow := func(name string, value any, test func(*modelInvite) bool) {
		filter[name] = value
		tests = append(tests, test)
	}
	often := rapid.IntRange(0, 3)
	if often.Draw(t, "by reason") == 0 {
		codes := []string{"email_missing", "email_shared", "contact_not_primary", "no_primary_contact", "client_inactive",
			"email_suppressed"}
		some := rapid.SliceOfNDistinct(rapid.SampledFrom(codes), 1, 3, rapid.ID[string]).Draw(t, "reasons")
		narrow("reasons", some, func(i *modelInvite) bool {
			return slices.ContainsFunc(i.codes, func(code string) bool { return slices.Contains(some, code) })
		})
	}
	if often.Draw(t, "by client") == 0 {
		some := rapid.SliceOfNDistinct(playedClients, 1, 2, rapid.ID[string]).Draw(t, "clients")
		narrow("client_ids", some, func(i *modelInvite) bool { return slices.Contains(some, i.client) })
	}
	if often.Draw(t, "by outcome") == 0 {
		outcome := rapid.SampledFrom([]string{sSkipped, sFailed}).Draw(t, "outcome")
		narrow("outcomes", []string{outcome}, func(i *modelInvite) bool { return i.state == outcome })
	}
	if often.Draw(t, "by time") == 0 {
		since := p.model.now.Add(-rapid.SampledFrom([]time.Duration{3 * time.Second, time.Hour}).Draw(t, "since"))
		narrow("since", since, func(i *modelInvite) bool { return !i.decided.Before(since) })
	}
	if len(p.causes) > 0 && often.Draw(t, "by run") == 0 {
		run := rapid.SampledFrom(p.causes).Draw(t, "run")
		narrow("run_id", ledger.RunID(ledger.RequestID(p.firm, "test", run)),
			func(i *modelInvite) bool { return i.run == run })
	}
	p.request(events.ReplayRequested, testkit.Object{"requested_by": "Ops", "filter": filter},
		func(cause string, again bool) {
			if again {
				return
			}
			all := p.model.replayable(func(i *modelInvite) bool {
				return !slices.ContainsFunc(tests, func(matches func(*modelInvite) bool) bool { return !matches(i) })
			})
			young := slices.DeleteFunc(slices.Clone(all), func(i *modelInvite) bool {
				return i.at.Before(p.model.now.Add(-maxAge))
			})
			p.model.decide(young, &fanOut{cause: cause, kind: "replay", tooOld: len(all) - len(young)})
		})
}

// everybodyOn returns the recipients of a bulk request on a client: its contacts in their order, or the client itself.
func (c *contract) everybodyOn(client string) (list []named) {
	for _, id := range slices.Sorted(maps.Keys(c.clients[client])) {
		list = append(list, named{contact: id})
	}
	if len(list) == 0 {
		list = []named{{}}
	}
	return list
}

// quiet waits until nothing is left to do at the clock's time. While the mail server defers every mail, mails and their
// runs stay open.
func (p *played) quiet() {
	p.TB.Helper()
	testenv.Eventually(p.TB, 2*time.Minute, func() error {
		if err := p.Acknowledged(testkit.Durables()...); err != nil {
			return err
		}
		var open int
		err := p.DB.QueryRow(p.Ctx, `SELECT (
				SELECT count(*) FROM invites WHERE state = 'sending' OR state = 'queued' AND (NOT $2 OR next_attempt_at <= $1))
			+ (SELECT count(*) FROM runs WHERE completed_at IS NULL AND NOT ($2 AND walked)) + (SELECT count(*) FROM outbox)
			+ (SELECT count(*) FROM access WHERE state = 'invited' AND expires_at <= $1)`,
			p.clock.now(), p.model.greylists).Scan(&open)
		if err == nil && open > 0 {
			err = fmt.Errorf("%d things are still open", open)
		}
		return err
	})
}

// feed reads outcomes and mails as they come, each once. The goroutine of the test owns it.
type feed struct {
	*rig
	out   <-chan testkit.Outcome
	read  uint64
	mails int
}

// published returns the outcomes of a firm since the last call, in the model's form.
func (f *feed) published(firm string) (list []string) {
	for size := f.StreamSize(events.OutcomesStream); f.read < size; f.read++ {
		var o testkit.Outcome
		select {
		case o = <-f.out:
		case <-f.Ctx.Done():
			f.TB.Fatal(f.Ctx.Err())
		}
		if strings.HasPrefix(o.Subject, "portal.outcomes."+firm+".") && o.Type != events.RunProgressed &&
			o.Type != events.RunRevised { // how many there are depends on the time
			list = append(list, f.line(o))
		}
	}
	return list
}

func (f *feed) line(o testkit.Outcome) string {
	var more struct {
		TooOld int `json:"too_old"`
	}
	f.Must(json.Unmarshal([]byte(o.Raw), &more))
	switch o.Type {
	case events.InviteSkipped:
		codes, conflict := []string{}, ""
		for _, reason := range o.Reasons {
			codes = append(codes, reason.Code)
			if reason.Conflict != nil {
				conflict = reason.Conflict.ContactID + "@" + reason.Conflict.ClientID
			}
		}
		if o.Reason != codes[0] {
			f.TB.Errorf("reason is %s, but the first of the reasons is %s", o.Reason, codes[0])
		}
		return fmt.Sprintf("InviteSkipped %s %v %s", o.EventID, codes, conflict)
	case events.RemovedAccess:
		return fmt.Sprintf("AccessRemoved %s %s %s %s", o.ClientID, o.Recipient.ContactID, o.Was, o.Why)
	case events.RunCompleted:
		return fmt.Sprintf("RunCompleted %s %s %d = %d + %d + %d, %d too old, %v", o.Kind, o.Cause.ID, o.Selected, o.Sent,
			o.Skipped, o.Failed,
			more.TooOld, o.ByReason)
	case events.InviteAccepted, events.InviteExpired, events.InviteDelivered:
		return fmt.Sprintf("%s %s", o.Type, o.InviteID)
	default:
		return fmt.Sprintf("%s %s", o.Type, o.EventID)
	}
}
