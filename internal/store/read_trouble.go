package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// FirmNow is what operators look at of a firm.
type FirmNow struct {
	FirmID, Name string
	Trouble      int // Retrying, Held, DeadLetters, Failed and Complaints added up
	Paused       bool
	Queued       int
	Sending      int
	Retrying     int // of Queued: the mail server did not take their mail at the last attempt
	Held         int // of Queued: they wait for a ruling
	Oldest       time.Time
	DeadLetters  int // open ones
	Failed       int // invites that failed since a time
	Complaints   int // mails of a day whose readers complained
	Runs         int // that are not completed
}

// FirmsNow lists the firms of which something waits, runs or has failed since a time, those with most trouble first.
// Failed invites are looked for from an id on. It reads the queue, the open dead letters and the invites behind it.
func (t *Tx) FirmsNow(ctx context.Context, since time.Time, first uuid.UUID, limit int) ([]FirmNow, error) {
	return collect(ctx, t, "look at all firms", scanFirmNow, `
		WITH waiting AS (
			SELECT i.firm_id, count(*) FILTER (WHERE i.state = `+sqlQueued+`) AS queued,
				count(*) FILTER (WHERE i.state = `+sqlSending+`) AS sending,
				count(a.finished_at) FILTER (WHERE i.state = `+sqlQueued+` AND i.held_at IS NULL) AS retrying,
				count(i.held_at) AS held, min(i.decided_at) AS oldest
			FROM invites i LEFT JOIN attempts a USING (invite_id, attempt)
			WHERE i.state = `+sqlQueued+` OR i.state = `+sqlSending+`
			GROUP BY i.firm_id
		), letters AS (
			SELECT firm_id, count(*) AS n FROM dead_letters WHERE state = 'open' GROUP BY firm_id
		), failures AS (
			SELECT firm_id, count(*) AS n FROM invites
			WHERE invite_id >= $2 AND state = `+sqlFailed+` AND decided_at >= $1 GROUP BY firm_id
		), complaints AS (
			SELECT firm_id, count(*) AS n FROM mail_failures
			WHERE kind = 'complaint' AND mailed_at >= `+countedSince+` GROUP BY firm_id
		), going AS (
			SELECT firm_id, count(*) AS n FROM runs WHERE completed_at IS NULL AND NOT quiet GROUP BY firm_id
		), paused AS (
			SELECT DISTINCT firm_id FROM firm_pauses WHERE paused
		), ids AS (
			SELECT firm_id FROM waiting UNION SELECT firm_id FROM letters UNION SELECT firm_id FROM failures
			UNION SELECT firm_id FROM complaints UNION SELECT firm_id FROM going UNION SELECT firm_id FROM paused
		)
		SELECT firm_id, coalesce(f.name, ''),
			coalesce(w.retrying, 0) + coalesce(w.held, 0) + coalesce(l.n, 0) + coalesce(x.n, 0) + coalesce(c.n, 0) AS trouble,
			p.firm_id IS NOT NULL, coalesce(w.queued, 0), coalesce(w.sending, 0), coalesce(w.retrying, 0),
			coalesce(w.held, 0), w.oldest, coalesce(l.n, 0), coalesce(x.n, 0), coalesce(c.n, 0), coalesce(g.n, 0)
		FROM ids LEFT JOIN firms f USING (firm_id) LEFT JOIN waiting w USING (firm_id) LEFT JOIN letters l USING (firm_id)
		LEFT JOIN failures x USING (firm_id) LEFT JOIN complaints c USING (firm_id) LEFT JOIN going g USING (firm_id)
		LEFT JOIN paused p USING (firm_id)
		ORDER BY trouble DESC, coalesce(w.queued, 0) DESC, firm_id LIMIT $3`, since, first, limit)
}

func scanFirmNow(row pgx.CollectableRow) (FirmNow, error) {
	var f FirmNow
	var oldest *time.Time
	err := row.Scan(&f.FirmID, &f.Name, &f.Trouble, &f.Paused, &f.Queued, &f.Sending, &f.Retrying, &f.Held, &oldest,
		&f.DeadLetters, &f.Failed, &f.Complaints, &f.Runs)
	f.Oldest = orZero(oldest)
	return f, err
}
