package events

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// StoredOutcome is an outcome event as the stream has it.
type StoredOutcome struct {
	Subject  string
	Sequence uint64
	Type     Type
	ID       string    // ce-id
	Time     time.Time // ce-time
	Data     json.RawMessage
}

// OutcomeBatch is what one reading of the outcome stream has found.
type OutcomeBatch struct {
	Outcomes []StoredOutcome
	Last     uint64 // the sequence up to which the stream was read; 0 if nothing was there
	More     bool   // the stream has more
}

// OutcomeQuery says what to read of the outcome stream.
type OutcomeQuery struct {
	Subject string    // a filter, with wildcards
	From    uint64    // the first sequence
	Since   time.Time // unless zero: stored then or later; From does not count
	Most    int       // messages
}

// answersWithin is how long one reading may take.
const answersWithin = 10 * time.Second

// outcomeBytes is how much one reading weighs at most.
const outcomeBytes = 1 << 20

// ReadOutcomes reads the outcome stream once. A replica may answer. It may lag behind the stream's leader, but has no
// gaps (NATS ADR-31, "Direct Access"). A message that is not an outcome of ours is left out: the subject of a reply may
// have led it there.
func ReadOutcomes(ctx context.Context, js jetstream.JetStream, q OutcomeQuery) (_ OutcomeBatch, err error) {
	ctx, end := whileConnected(ctx, js.Conn())
	defer func() { end(&err) }()
	ask := directGet{NextBySubject: q.Subject, Batch: q.Most, MaxBytes: outcomeBytes}
	if q.Since.IsZero() {
		ask.Sequence = max(q.From, 1)
	} else {
		ask.StartTime = &q.Since
	}
	request, err := json.Marshal(ask)
	if err != nil {
		return OutcomeBatch{}, err
	}
	came := make(chan *nats.Msg, q.Most+1)
	inbox := js.Conn().NewInbox()
	sub, err := js.Conn().ChanSubscribe(inbox, came)
	if err != nil {
		return OutcomeBatch{}, fmt.Errorf("read %s: %w", OutcomesStream, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	subject := strings.TrimSuffix(apiPrefix(js), ".") + ".DIRECT.GET." + OutcomesStream
	if err := js.Conn().PublishRequest(subject, inbox, request); err != nil {
		return OutcomeBatch{}, fmt.Errorf("read %s: %w", OutcomesStream, err)
	}
	batch, err := collectOutcomes(ctx, came)
	if err != nil {
		return batch, fmt.Errorf("read %s: %w", OutcomesStream, err)
	}
	return batch, nil
}

// directGet is a request for several messages, with the names of the protocol.
type directGet struct {
	Sequence      uint64     `json:"seq,omitempty"`
	StartTime     *time.Time `json:"start_time,omitempty"`
	NextBySubject string     `json:"next_by_subj"`
	Batch         int        `json:"batch"`
	MaxBytes      int        `json:"max_bytes"`
}

// The headers of the answers. A message has its sequence, and the last answer a status.
const (
	storedSubject  = "Nats-Subject"
	storedSequence = "Nats-Sequence"
	stillPending   = "Nats-Num-Pending"
	statusEnd      = "204"
)

func collectOutcomes(ctx context.Context, came <-chan *nats.Msg) (batch OutcomeBatch, err error) {
	quiet := time.NewTimer(answersWithin)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return batch, ctx.Err()
		case <-quiet.C:
			return batch, nats.ErrTimeout
		case msg := <-came:
			if sequence := msg.Header.Get(storedSequence); sequence != "" {
				if batch.Last, err = strconv.ParseUint(sequence, 10, 64); err != nil {
					return batch, fmt.Errorf("the broker's answer has the sequence %q", sequence)
				}
				if outcome, isOurs := storedOutcome(msg, batch.Last); isOurs {
					batch.Outcomes = append(batch.Outcomes, outcome)
				}
				continue
			}
			if left := msg.Header.Get(stillPending); left != "" && left != "0" {
				batch.More = true
			}
			return batch, endOfOutcomes(msg)
		}
	}
}

// endOfOutcomes reads the broker's last answer.
func endOfOutcomes(msg *nats.Msg) error {
	switch status := msg.Header.Get("Status"); status {
	case statusEnd, statusNoMore:
		return nil
	case "503":
		return nats.ErrNoResponders
	default:
		return fmt.Errorf("the broker refuses: %s (%s)", msg.Header.Get("Description"), status)
	}
}

func storedOutcome(msg *nats.Msg, sequence uint64) (o StoredOutcome, isOurs bool) {
	o = StoredOutcome{Subject: msg.Header.Get(storedSubject), Sequence: sequence, Data: msg.Data}
	source := ""
	for name, values := range msg.Header {
		switch strings.ToLower(name) {
		case "ce-source":
			source = values[0]
		case "ce-type":
			o.Type = TypeOfCE(values[0])
		case "ce-id":
			o.ID = values[0]
		case "ce-time":
			o.Time, _ = time.Parse(time.RFC3339, values[0]) // an outcome of ours has a valid one
		}
	}
	isObject := len(o.Data) > 0 && o.Data[0] == '{' && json.Valid(o.Data)
	return o, source == OutcomeSource && o.Type != "" && isObject
}

// OutcomeStream says which stream it is, and how far it is. A stream that was made anew has another time.
func OutcomeStream(ctx context.Context, js jetstream.JetStream) (made time.Time, last uint64, err error) {
	ctx, end := whileConnected(ctx, js.Conn())
	defer func() { end(&err) }()
	stream, err := js.Stream(ctx, OutcomesStream)
	if err != nil {
		return made, 0, fmt.Errorf("open stream %s: %w", OutcomesStream, err)
	}
	info := stream.CachedInfo()
	return info.Created, info.State.LastSeq, nil
}
