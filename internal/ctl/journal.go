package ctl

import (
	"context"
	"errors"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
)

// journal reads outcomes in the stream's order.
type journal interface {
	// read calls each for every outcome that the stream has now. With follow it goes on with new outcomes, until the
	// context ends or each returns errEnough.
	read(ctx context.Context, follow bool, each func(outcome) error) error
}

// from is where a journal begins.
type from struct {
	since time.Time // zero: see now
	now   bool      // only new outcomes; false: from the beginning of the stream
}

// errEnough makes a journal stop reading.
var errEnough = errors.New("enough")

// firmJournal reads the outcomes of one firm, by the service.
type firmJournal struct {
	conn connection
	ask  api.OutcomesRequest
	// resync is called if the stream was made anew, and the outcomes begin at its beginning; may be nil.
	resync func()
}

// openJournal opens the journal of the connection's firm. A journal of new outcomes has all that are published after
// openJournal has returned.
func (conn connection) openJournal(ctx context.Context, start from, q api.OutcomesRequest) (*firmJournal, error) {
	q.Since, q.New, q.Limit = start.since, start.now, api.MaxLimit
	j := &firmJournal{conn: conn, ask: q}
	if start.now {
		answer, err := conn.Outcomes(ctx, conn.firm, q)
		if err != nil {
			return nil, conn.explainError(ctx, err)
		}
		j.ask.After = answer.After
	}
	return j, nil
}

// runEvents asks for the outcomes about runs.
var runEvents = api.OutcomesRequest{Types: []events.Type{events.RunProgressed, events.RunCompleted}}

func (j *firmJournal) read(ctx context.Context, follow bool, each func(outcome) error) error {
	for {
		answer, err := j.next(ctx, follow)
		switch {
		case errors.Is(ctx.Err(), context.Canceled):
			return nil // asked to stop
		case err != nil:
			return j.conn.explainError(ctx, err)
		case answer.Resync && j.resync != nil:
			j.resync()
		}
		for _, entry := range answer.Outcomes {
			o, err := answered(entry)
			if err == nil {
				err = each(o)
			}
			if errors.Is(err, errEnough) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		if j.ask.After = answer.After; !answer.More && !follow {
			return nil
		}
	}
}

const (
	// longestPoll is how long one call waits for outcomes. If nobody answers, the next one is asked.
	longestPoll = 10 * time.Second
	// pollMargin is how long an answer may take besides.
	pollMargin = 5 * time.Second
	// retryPause is how long a journal that follows outcomes pauses if no worker can answer.
	retryPause = time.Second
)

// next asks for the next outcomes. If it follows them, it waits for some, also while no worker can answer.
func (j *firmJournal) next(ctx context.Context, follow bool) (api.OutcomesAnswer, error) {
	if !follow {
		return j.conn.Outcomes(ctx, j.conn.firm, j.ask)
	}
	j.ask.Wait = longestPoll.String()
	for {
		limited, cancel := context.WithTimeout(ctx, longestPoll+pollMargin)
		answer, err := j.conn.Outcomes(limited, j.conn.firm, j.ask)
		cancel()
		if err == nil || ctx.Err() != nil || !passes(err) {
			return answer, errors.Join(err, ctx.Err())
		}
		select {
		case <-ctx.Done():
			return answer, ctx.Err()
		case <-time.After(retryPause):
		}
	}
}

// passes says whether an error may be gone in a moment: a worker restarts, or the broker does.
func passes(err error) bool {
	refused, isRefusal := errors.AsType[*api.Error](err)
	switch {
	case isRefusal:
		return retryable(refused)
	case errors.Is(err, api.ErrNoService):
		return true
	default:
		return events.Away(err)
	}
}
