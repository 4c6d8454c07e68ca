package pipelinetest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// Settled waits until nothing is left to do, and calls Audit.
func (r *Rig) Settled() {
	r.TB.Helper()
	r.Scene.Settled()
	r.Audit()
}

// Audit checks what must hold in every settled pipeline, whatever has happened before.
func (r *Rig) Audit() {
	r.TB.Helper()
	r.auditOutcomes()
	r.auditRuns()
	if err := r.AuditStatuses(""); err != nil {
		r.TB.Error(err)
	}
	for what, sql := range map[string]string{
		"emails that are the login of two persons": `SELECT count(*) FROM (SELECT FROM access
			WHERE email <> '' AND (state = 'active' OR state = 'invited' AND expires_at > now())
			GROUP BY firm_id, email HAVING count(DISTINCT person) > 1) shared`,
		"live accesses whose login is owned by nobody or by another person": `SELECT count(*) FROM access a
			WHERE state = 'invited' AND expires_at > now() AND NOT EXISTS (SELECT FROM logins l
				WHERE l.firm_id = a.firm_id AND l.email = a.email AND l.person = a.person AND l.held_until >= a.expires_at)`,
		"logins without an access": `SELECT count(*) FROM logins l WHERE held_until > now() AND NOT EXISTS (
			SELECT FROM access a WHERE a.firm_id = l.firm_id AND a.email = l.email AND a.person = l.person
				AND a.state IN ('invited', 'active'))`,
		"runs whose sums differ from their invites": `SELECT count(*) FROM runs r
			WHERE kind <> 'replay' AND (selected, sent, skipped, failed, pending) <>
			(SELECT count(*), count(*) FILTER (WHERE state = 'sent'), count(*) FILTER (WHERE state = 'skipped'),
				count(*) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE state IN ('queued', 'sending'))
			FROM invites i WHERE i.run_id = r.run_id)`,
		"replays that count fewer sent or failed than their invites": `SELECT count(*) FROM runs r
			WHERE sent < (SELECT count(*) FROM invites i WHERE i.replay_id = r.run_id AND i.state = 'sent')
			   OR failed < (SELECT count(*) FROM invites i WHERE i.replay_id = r.run_id AND i.state = 'failed')`,
	} {
		if n := testkit.Query[int](r.Scene, sql); n != 0 {
			r.TB.Errorf("%d %s", n, what)
		}
	}
}

var anyEmail = regexp.MustCompile(`[^\s"<>(),:;]+@example\.com`)

// auditOutcomes checks that each outcome was published once, that every mail has an InviteSent or an attempt of unknown
// result, and that no outcome has a full email or a link.
func (r *Rig) auditOutcomes() {
	r.TB.Helper()
	all := r.Published()
	seen, newest, sent := map[string]bool{}, map[string]testkit.Outcome{}, 0
	for _, o := range all {
		if seen[o.EventID] {
			r.TB.Errorf("%s %s was published twice", o.Type, o.EventID)
		}
		seen[o.EventID] = true
		for _, email := range anyEmail.FindAllString(o.Raw, -1) {
			if !strings.Contains(email, "•••") {
				r.TB.Errorf("%s has a full email: %s", o.Type, o.Raw)
			}
		}
		if strings.Contains(o.Raw, "/invite/") {
			r.TB.Errorf("%s has a link: %s", o.Type, o.Raw)
		}
		if o.Type != events.InviteSent && o.Type != events.InviteSkipped && o.Type != events.InviteFailed {
			continue
		}
		if o.Revision > newest[o.InviteID].Revision {
			newest[o.InviteID] = o
		}
		if o.Type == events.InviteSent {
			sent++
		}
	}
	r.auditLedger(seen, newest)
	unknown := testkit.Query[int](r.Scene, `SELECT count(*) FROM attempts WHERE verdict = 'unknown'`)
	mails := len(r.Mailbox.Messages())
	for _, m := range r.Others {
		mails += len(m.Messages())
	}
	if mails < sent || mails > sent+unknown {
		r.TB.Errorf("%d mails for %d InviteSent and %d attempts of unknown result", mails, sent, unknown)
	}
}

// auditLedger checks that the last outcome of each invite agrees with the ledger, and that each of its revisions was
// published.
func (r *Rig) auditLedger(seen map[string]bool, newest map[string]testkit.Outcome) {
	r.TB.Helper()
	rows, err := r.DB.Query(r.Ctx, `SELECT invite_id::text, revision, state, reason FROM invites`)
	r.Must(err)
	for rows.Next() {
		var id, state, reason string
		var revision int
		r.Must(rows.Scan(&id, &revision, &state, &reason))
		want := map[string]events.Type{"sent": events.InviteSent, "skipped": events.InviteSkipped,
			"failed": events.InviteFailed}[state]
		o := newest[id]
		if o.Type != want || o.Revision != revision || o.Reason != reason {
			r.TB.Errorf("invite %s is %s %s in revision %d, but its outcome is %s %s in revision %d", id, state, reason,
				revision, o.Type, o.Reason, o.Revision)
		}
		for n := 1; n <= revision; n++ {
			if !seen[fmt.Sprintf("%s.%d", id, n)] {
				r.TB.Errorf("revision %d of invite %s was never published", n, id)
			}
		}
	}
	r.Must(rows.Err())
}

// auditRuns checks that the sums of every event add up, that each run that reports has completed once, and that its
// last event has the sums of the ledger.
func (r *Rig) auditRuns() {
	r.TB.Helper()
	completed, last := map[string]int{}, map[string]testkit.Outcome{}
	for _, o := range r.Published(events.RunProgressed, events.RunCompleted, events.RunRevised,
		events.RunPaused, events.RunResumed, events.RunCancelled, events.RunScheduled) {
		skipped := 0
		for _, n := range o.ByReason {
			skipped += n
		}
		if o.Selected != o.Sent+o.Skipped+o.Failed+o.Pending || skipped != o.Skipped {
			r.TB.Errorf("%s does not add up: %s", o.Type, o.Raw)
		}
		if numberOf(o) > numberOf(last[o.RunID]) {
			last[o.RunID] = o
		}
		if o.Type == events.RunCompleted {
			completed[o.RunID]++
			if o.Pending != 0 {
				r.TB.Errorf("a run completed with %d pending: %s", o.Pending, o.Raw)
			}
		}
	}
	for id, n := range completed {
		if n != 1 {
			r.TB.Errorf("run %s completed %d times", id, n)
		}
	}
	if runs := testkit.Query[int](r.Scene, `SELECT count(*) FROM runs
		WHERE completed_at IS NOT NULL AND NOT quiet`); runs != len(completed) {
		r.TB.Errorf("%d runs are complete, and %d RunCompleted were published", runs, len(completed))
	}
	r.auditLastSums(last)
}

// auditLastSums checks that the last event about each complete run has the sums of the ledger, unless one waits to be
// published.
func (r *Rig) auditLastSums(last map[string]testkit.Outcome) {
	r.TB.Helper()
	rows, err := r.DB.Query(r.Ctx, `SELECT run_id::text, selected, sent, skipped, failed, pending FROM runs
		WHERE completed_at IS NOT NULL AND NOT quiet AND NOT to_revise`)
	r.Must(err)
	for rows.Next() {
		var id string
		var now [5]int
		r.Must(rows.Scan(&id, &now[0], &now[1], &now[2], &now[3], &now[4]))
		o := last[id]
		if published := [5]int{o.Selected, o.Sent, o.Skipped, o.Failed, o.Pending}; published != now {
			r.TB.Errorf("run %s has selected, sent, skipped, failed, pending %v, and %s has %v", id, now, o.EventID, published)
		}
	}
	r.Must(rows.Err())
}

// numberOf is the number of an event about a run; 0 of no event.
func numberOf(o testkit.Outcome) int {
	_, number, _ := strings.Cut(o.EventID, ".")
	n, _ := strconv.Atoi(number)
	return n
}
