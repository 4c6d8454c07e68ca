package api

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
)

var errAfter = invalid(
	"after: is not the after of an answer to the same call; leave it out to begin with the first outcome")

const (
	// outcomesAtOnce is how many messages a worker reads from the stream at once.
	outcomesAtOnce = 500
	// mostExamined is how many messages of the stream one look examines. If few of them match, the answer says that there
	// is more.
	mostExamined = 5000
)

// position is a place in the outcome stream: behind a sequence of the stream that was made at that time.
type position struct {
	Made time.Time `json:"m"`
	Last uint64    `json:"s"`
}

// reading is a call for outcomes while it is answered. The goroutine that answers owns it.
type reading struct {
	OutcomesRequest
	pager    pager
	run      string   // RunID in its usual form
	subjects []string // filters
	at       position
	begun    bool // there is a place
	resync   bool
	wait     time.Duration
}

func (s *server) outcomes(ctx context.Context, c *call) (any, error) {
	request, err := decode[OutcomesRequest](c.body)
	if err != nil {
		return nil, err
	}
	r, err := request.reading(c.firm)
	if err != nil {
		return nil, err
	}
	answer, err := s.readOutcomes(ctx, r)
	if err != nil || r.wait == 0 || answer.isNews() {
		return answer, err
	}
	return nil, &later{
		until: c.waitUntil(r.wait),
		watch: func() (<-chan struct{}, func(), error) { return s.news.watch(c.firm, r.subjects) },
		look: func(ctx context.Context) (any, bool, error) {
			answer, err := s.readOutcomes(ctx, r)
			return answer, answer.isNews(), err
		},
	}
}

// isNews says whether an answer has something that the caller does not know.
func (a OutcomesAnswer) isNews() bool { return len(a.Outcomes) > 0 || a.More || a.Resync }

// reading checks a request.
func (r OutcomesRequest) reading(firm string) (*reading, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	page, err := newPager(Page{Limit: r.Limit, Cursor: r.After}, OutcomesEndpoint, firm, r)
	if err != nil {
		return nil, err
	}
	reading := &reading{OutcomesRequest: r, pager: page, subjects: events.OutcomeSubjects(firm, r.Types, r.Reasons)}
	if reading.begun, err = page.after(&reading.at); errors.Is(err, errCursor) {
		return nil, errAfter
	}
	if err != nil {
		return nil, err
	}
	if r.AsOf != nil && !reading.begun {
		reading.at, reading.begun = position{Made: r.AsOf.Created, Last: r.AsOf.Sequence}, true
	}
	if r.RunID != "" {
		id, err := uuid.Parse(r.RunID)
		if err != nil {
			return nil, invalid("run_id: must be a UUID, as outcomes carry it")
		}
		reading.run = id.String()
	}
	reading.wait, err = pollOf(r.Wait)
	return reading, err
}

func (r OutcomesRequest) check() error {
	for i, t := range r.Types {
		if !slices.Contains(events.OutcomeTypes(), t) {
			return invalid("types[%d]: is not a type of outcome (example: %s)", i, events.InviteSkipped)
		}
	}
	for i, reason := range r.Reasons {
		if !reason.Known() {
			return invalid("reasons[%d]: is not a reason code (example: email_shared)", i)
		}
	}
	switch {
	case len(r.Reasons) > 0 && len(r.Types) > 0 && !slices.Contains(r.Types, events.InviteSkipped):
		return invalid("reasons: only %s has a reason; leave out types, or add that type", events.InviteSkipped)
	case r.New && !r.Since.IsZero():
		return invalid("new: can't be combined with since: one of them says where to begin")
	default:
		return r.checkAsOf()
	}
}

func (r OutcomesRequest) checkAsOf() error {
	switch {
	case r.AsOf == nil:
		return nil
	case r.New || !r.Since.IsZero():
		return invalid("as_of: can't be combined with new or since: one of them says where to begin")
	case r.AsOf.Stream != events.OutcomesStream:
		return invalid("as_of.stream: must be %s, as in the answer that it comes from", events.OutcomesStream)
	case r.AsOf.Created.IsZero():
		return invalid("as_of.created: is missing; take all of as_of from another answer")
	default:
		return nil
	}
}

// readOutcomes looks once, and moves the place on.
func (s *server) readOutcomes(ctx context.Context, r *reading) (OutcomesAnswer, error) {
	none := OutcomesAnswer{}
	made, last, err := events.OutcomeStream(ctx, s.Answers.JS)
	if err != nil {
		return none, err
	}
	switch {
	case r.begun && (!r.at.Made.Equal(made) || r.at.Last > last):
		r.resync, r.at = true, position{Made: made}
	case !r.begun && r.New:
		r.at = position{Made: made, Last: last}
	case !r.begun:
		r.at = position{Made: made}
	}
	r.begun = true
	answer := OutcomesAnswer{Outcomes: []Outcome{}, Resync: r.resync}
	if answer.More, err = s.collect(ctx, r, &answer.Outcomes); err != nil {
		return none, err
	}
	answer.After, err = r.pager.next(r.at)
	return answer, err
}

// collect reads until there are enough outcomes, enough messages were examined, or the stream has no more. It says
// whether the stream has more.
func (s *server) collect(ctx context.Context, r *reading, found *[]Outcome) (more bool, err error) {
	size := 0
	for examined := 0; examined < mostExamined; examined += outcomesAtOnce {
		batch, err := events.ReadOutcomes(ctx, s.Answers.JS, r.query(len(*found)))
		if err != nil {
			return false, err
		}
		for i, o := range batch.Outcomes {
			if !r.matches(o) {
				continue
			}
			size += len(o.Data)
			if size > longestList && len(*found) > 0 {
				return true, nil // this one comes first on the next page
			}
			r.at.Last = o.Sequence
			*found = append(*found, Outcome{o.Sequence, o.Type, o.ID, o.Time.UTC(), o.Data})
			if len(*found) == r.pager.limit {
				return batch.More || i+1 < len(batch.Outcomes), nil
			}
		}
		r.at.Last = max(r.at.Last, batch.Last)
		if !batch.More {
			return false, nil
		}
	}
	return true, nil
}

// query asks the stream for as little as one filter allows. With several filters, two answers could come from replicas
// that are not equally far, and what is between them would be missed.
func (r *reading) query(found int) events.OutcomeQuery {
	q := events.OutcomeQuery{Subject: r.subjects[0], From: r.at.Last + 1, Most: outcomesAtOnce}
	switch {
	case len(r.subjects) > 1:
		q.Subject = events.Outcomes.Of(r.pager.firm)
	case r.run == "" && r.ClientID == "":
		q.Most = min(outcomesAtOnce, r.pager.limit-found) // all of them match
	}
	if r.at.Last == 0 && !r.resync {
		q.Since = r.Since
	}
	return q
}

// matches says whether an outcome is asked for.
func (r *reading) matches(o events.StoredOutcome) bool {
	if !events.InSubjects(r.subjects, o.Subject) {
		return false
	}
	if r.run == "" && r.ClientID == "" {
		return true
	}
	var about struct {
		ClientID string `json:"client_id"`
		RunID    string `json:"run_id"`
		ReplayID string `json:"replay_id"`
	}
	return json.Unmarshal(o.Data, &about) == nil &&
		(r.run == "" || about.RunID == r.run || about.ReplayID == r.run) &&
		(r.ClientID == "" || about.ClientID == r.ClientID)
}
