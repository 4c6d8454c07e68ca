package row

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"portal-invites/bench/internal/firm"
	"portal-invites/bench/internal/measure"
	"portal-invites/bench/internal/rig"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// The contenders of the row: the same firm, when it is new and after five years.
const (
	emptyLedger = "empty"
	largeLedger = "large"
)

// ledger measures a bulk run without eligible contacts on an empty ledger and on a large one. The cost of a contact
// must not depend on the requests of past years. Each round begins on a copy that has nothing left to write, so the
// first change to each page writes a full image of it, as after a checkpoint.
func (b *Bench) ledger(ctx context.Context) error {
	contacts := b.ledgerContacts()
	empty, err := b.unreachable(ctx, contacts)
	if err != nil {
		return err
	}
	large, err := b.fiveYears(ctx, empty, contacts)
	if err != nil {
		return err
	}
	err = b.alternate(ctx, "ledger",
		contender{largeLedger, func(ctx context.Context) (measure.Sample, error) { return b.decide(ctx, large, contacts) }},
		contender{emptyLedger, func(ctx context.Context) (measure.Sample, error) { return b.decide(ctx, empty, contacts) }})
	says := "a contact's cost, on a ledger of " + strconv.Itoa(b.Ledger) + " against on an empty one"
	for _, r := range []measure.Ratio{
		{Unit: measure.PerOp, Limit: 1.2, Says: says},
		{Unit: rig.AllCPU, Says: says + ", in CPU time"},
		{Unit: "WAL-B", Says: says + ", in bytes of log"},
	} {
		r.Row, r.Of, r.Against, r.Wants = "ledger", largeLedger, emptyLedger, measure.AtMost
		b.Ratios = append(b.Ratios, r)
	}
	return err
}

// ledgerRuns is the number of bulk runs in five years, each over the whole firm: one every two or three weeks.
const ledgerRuns = 100

func (b *Bench) ledgerContacts() int { return max(b.Ledger/ledgerRuns/2*2, 2) } // contacts come in pairs

// fiveYears creates a database with a firm's requests of five years, as the pipeline would have written it: one run
// after the other, with a VACUUM now and then. The pipeline itself would take hours to write it.
func (b *Bench) fiveYears(ctx context.Context, template string, contacts int) (string, error) {
	began := time.Now()
	d, err := b.Rig.NewDatabase(ctx, "five_years", template)
	if err != nil {
		return "", err
	}
	defer d.Close()
	const (
		vacuumEvery = ledgerRuns / 5 // about as often as autovacuum, which starts when a fifth of the table has changed
		between     = 59 * 30 * 24 * time.Hour / ledgerRuns
	)
	for run := range ledgerRuns {
		at := began.AddDate(-5, 1, 0).Add(time.Duration(run) * between) // not old enough to be pruned during the benchmark
		for _, sql := range []string{pastRequest, pastRun, pastInvites} {
			if _, err := d.Pool.Exec(ctx, sql, firm.ID, run, at); err != nil {
				return "", fmt.Errorf("write run %d of past years: %w", run, err)
			}
		}
		if (run+1)%vacuumEvery != 0 {
			continue
		}
		if _, err := d.Pool.Exec(ctx, "VACUUM (ANALYZE)"); err != nil {
			return "", fmt.Errorf("prepare database %s: %w", d.Name, err)
		}
	}
	if _, err := d.Pool.Exec(ctx, pastAccess, firm.ID); err != nil {
		return "", fmt.Errorf("write the access of past years: %w", err)
	}
	bytes, err := d.Count(ctx, `SELECT pg_database_size(current_database())`)
	if err != nil {
		return "", err
	}
	invites, err := d.Count(ctx, `SELECT count(*) FROM invites`)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(b.Log, "%-28s %d invites, %.0f MB, in %s\n",
		d.Name, invites, megabytes(int64(bytes)), time.Since(began).Round(time.Second))
	return d.Name, expect("invites of past years", invites, ledgerRuns*contacts)
}

// share is a share of a run's contacts, and the state of their invites.
type share struct {
	percent int
	state   string
	reason  rules.Code // of skipped invites
}

// A third of a run's contacts got a mail. Most others already had access or are not Primary. A few have no email, or
// their mail failed.
var shares = []share{
	{33, "sent", ""}, {1, "failed", ""}, {26, "skipped", rules.AlreadyHasAccess}, {15, "skipped", rules.AlreadyInvited},
	{20, "skipped", rules.ContactNotPrimary}, {5, "skipped", rules.EmailMissing},
}

// values returns the shares as rows of SQL: a range of a die with a hundred sides (from, below), and the state for it.
func values(shares []share) string {
	rows, from := make([]string, len(shares)), 0
	for i, s := range shares {
		rows[i] = fmt.Sprintf("(%d, %d, '%s', '%s', %t)", from, from+s.percent, s.state, s.reason, s.reason.Settled())
		from += s.percent
	}
	return strings.Join(rows, ", ")
}

// These statements write the rows of a past run. $1 is the firm, $2 the run's number, and $3 the time of its request.
var (
	pastRequest = `
		INSERT INTO requests (request_id, firm_id, source, event_id, type, data, time,
			trace_parent, trace_state, stream, sequence, timed_ids)
		SELECT md5('request ' || $2::int)::uuid, $1, 'bench', 'past-' || $2::int,
			'` + string(events.BulkInviteRequested) + `',
			'{"mode": "invite", "selection": {"all_clients": true}, "requested_by": "Lee Chen"}', $3,
			'', '', $3, $2::int, true`

	pastRun = `
		INSERT INTO runs (run_id, request_id, firm_id, kind, quiet, walked, turn_at, created_at, completed_at)
		SELECT md5('run ' || $2::int)::uuid, md5('request ' || $2::int)::uuid, $1, 'invite', false, true,
			$3, $3::timestamptz, $3`

	pastInvites = `
		WITH became AS (
			SELECT c.client_id, contact_id, state, code, settled
			FROM clients c CROSS JOIN LATERAL unnest(c.contact_ids) AS contact_id
				CROSS JOIN LATERAL (SELECT abs(hashtext(contact_id || '/' || $2::int)) % 100 AS dice) AS drawn
				JOIN (VALUES ` + values(shares) + `) AS shares (at_least, below, state, code, settled)
					ON dice >= at_least AND dice < below
			WHERE c.firm_id = $1
		), written AS (
			INSERT INTO invites (invite_id, request_id, firm_id, client_id, contact_id, added_email, added_name,
				kind, lane, run_id, state, revision, reason, reasons, settled, person, name, email, email_normal, nonce, attempt,
				decided_at, sent_at, expires_at)
			SELECT (lpad(to_hex((extract(epoch FROM $3::timestamptz) * 1000)::bigint), 12, '0') || '8'
					|| substr(md5($2::int || client_id || contact_id), 14))::uuid,
				md5('request ' || $2::int)::uuid, $1, client_id, contact_id, '', '', 'invite', 'bulk',
				md5('run ' || $2::int)::uuid,
				state, 1, code, CASE code WHEN '' THEN '[]' ELSE jsonb_build_array(jsonb_build_object('code', code,
					'explanation', 'What a person at the firm reads about why this contact was sent nothing, in a sentence.',
					'remedy', 'And what to do about it, in another sentence of the same length.')) END,
				settled, 'contact:' || contact_id, 'Kay Lee',
				contact_id || '@mail.example', lower(contact_id) || '@mail.example',
				hashtextextended(contact_id, $2::int), (code = '')::int, $3::timestamptz + '1 minute',
				CASE state WHEN 'sent' THEN $3::timestamptz + '2 minutes' END,
				CASE code WHEN '' THEN $3::timestamptz + '30 days' END
			FROM became ORDER BY client_id, contact_id
			RETURNING invite_id, state, attempt, decided_at
		)
		INSERT INTO attempts (invite_id, attempt, message_id, worker_id, started_at, finished_at, verdict, stage,
			smtp_code, enhanced, said, server, server_name)
		SELECT invite_id, 1, '<' || invite_id || '@mail.example>', md5('worker')::uuid,
			decided_at, decided_at + '1 second', CASE state WHEN 'sent' THEN 'delivered' ELSE 'refused' END, 'data',
			250, '2.0.0', 'Ok: queued', 'smtp.example:587', 'smtp.example'
		FROM written WHERE attempt = 1 ORDER BY invite_id`

	// Everybody who got a mail has an access that has expired. It does not change any decision.
	pastAccess = `
		INSERT INTO access (firm_id, client_id, person, email, state, invite_id,
			invited_at, mailed_at, expires_at, version, stream, sequence)
		SELECT DISTINCT ON (client_id, person) firm_id, client_id, person, email_normal, 'expired', invite_id,
			decided_at, sent_at, expires_at, 2, decided_at, 1
		FROM invites WHERE firm_id = $1 AND state = 'sent' ORDER BY client_id, person, decided_at DESC`
)
