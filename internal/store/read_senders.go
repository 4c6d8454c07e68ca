package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// SenderNow is what operators look at of a sender.
type SenderNow struct {
	Sender      string // "": the default sender
	Firms       int    // that name it, or have it by default
	PausedFirms int    // of Firms
	Queued      int
	Sending     int
	Retrying    int // of Queued: the mail server did not take their mail at the last attempt
	Held        int // of Queued: they wait for a ruling
	Oldest      time.Time
	Mails       int // of a day: what left, and what the server has refused
	Bounces     int // of a day's mails: their mailboxes do not exist
	Complaints  int // of a day's mails: their readers complained
	Last        AttemptTimes
}

// SendersNow lists the senders that firms name, or by which mails wait or have left, in the order of their names.
func (t *Tx) SendersNow(ctx context.Context) ([]SenderNow, error) {
	return collect(ctx, t, "look at all senders", scanSenderNow, `
		WITH waiting AS (
			SELECT i.sender, count(*) FILTER (WHERE i.state = `+sqlQueued+`) AS queued,
				count(*) FILTER (WHERE i.state = `+sqlSending+`) AS sending,
				count(a.finished_at) FILTER (WHERE i.state = `+sqlQueued+` AND i.held_at IS NULL) AS retrying,
				count(i.held_at) AS held, min(i.decided_at) AS oldest
			FROM invites i LEFT JOIN attempts a USING (invite_id, attempt)
			WHERE i.state = `+sqlQueued+` OR i.state = `+sqlSending+`
			GROUP BY i.sender
		), named AS (
			SELECT f.sender, count(*) AS firms, count(*) FILTER (WHERE p.paused) AS paused
			FROM firms f LEFT JOIN firm_pauses p USING (firm_id) GROUP BY f.sender
		), mails AS (
			SELECT sender, sum(mails) AS n FROM firm_mails WHERE hour >= `+countedSince+` GROUP BY sender
		), failures AS (
			SELECT sender, count(*) FILTER (WHERE kind = 'bounce') AS bounces,
				count(*) FILTER (WHERE kind = 'complaint') AS complaints
			FROM mail_failures WHERE mailed_at >= `+countedSince+` GROUP BY sender
		), names AS (
			SELECT sender FROM waiting UNION SELECT sender FROM named UNION SELECT sender FROM mails
			UNION SELECT sender FROM failures
		)
		SELECT sender, coalesce(n.firms, 0), coalesce(n.paused, 0), coalesce(w.queued, 0), coalesce(w.sending, 0),
			coalesce(w.retrying, 0), coalesce(w.held, 0), w.oldest, coalesce(m.n, 0)::int, coalesce(x.bounces, 0),
			coalesce(x.complaints, 0), coalesce(l.attempt, 0), coalesce(l.verdict, ''), coalesce(l.stage, ''),
			coalesce(l.smtp_code, 0), coalesce(l.enhanced, ''), coalesce(l.said, ''), l.started_at, l.finished_at
		FROM names LEFT JOIN named n USING (sender) LEFT JOIN waiting w USING (sender) LEFT JOIN mails m USING (sender)
		LEFT JOIN failures x USING (sender) LEFT JOIN LATERAL (
			SELECT a.attempt, a.verdict, a.stage, a.smtp_code, a.enhanced, a.said, a.started_at, a.finished_at
			FROM invites i JOIN attempts a USING (invite_id, attempt)
			WHERE w.retrying > 0 AND i.sender = names.sender AND i.state = `+sqlQueued+` AND i.held_at IS NULL
			  AND a.finished_at IS NOT NULL
			ORDER BY a.finished_at DESC, a.invite_id LIMIT 1
		) l ON true
		ORDER BY sender`)
}

func scanSenderNow(row pgx.CollectableRow) (s SenderNow, err error) {
	var oldest, started, finished *time.Time
	err = row.Scan(&s.Sender, &s.Firms, &s.PausedFirms, &s.Queued, &s.Sending, &s.Retrying, &s.Held, &oldest, &s.Mails,
		&s.Bounces, &s.Complaints, &s.Last.Number, &s.Last.Verdict, &s.Last.Stage, &s.Last.SMTPCode, &s.Last.Enhanced,
		&s.Last.Said, &started, &finished)
	s.Oldest, s.Last.StartedAt, s.Last.FinishedAt = orZero(oldest), orZero(started), orZero(finished)
	return s, err
}
