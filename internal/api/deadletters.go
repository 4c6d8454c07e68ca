package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

const (
	longestBy   = 300
	longestNote = 1000
)

func (s *server) deadLetters(ctx context.Context, firm string, r DeadLettersRequest) (DeadLettersAnswer, error) {
	if r.Action == "" || r.Action == ListLetters {
		return s.listLetters(ctx, firm, r)
	}
	none := DeadLettersAnswer{}
	if r.Action != ShowLetter && r.Action != RequeueLetter && r.Action != DiscardLetter {
		return none, invalid("action: must be one of: %s, %s, %s, %s", ListLetters, ShowLetter, RequeueLetter, DiscardLetter)
	}
	id, err := uuid.Parse(r.ID)
	if err != nil {
		return none, invalid("id: must be a dead letter's id, a UUID")
	}
	outdated := ""
	if r.Action != ShowLetter {
		if outdated, err = s.mark(ctx, firm, id, r); err != nil {
			return none, err
		}
	}
	letter, err := s.findLetter(ctx, firm, id)
	if err != nil {
		return none, err
	}
	shown := letterOf(letter)
	shown.Outdated = outdated
	if r.Action == ShowLetter {
		if err := shown.addOriginal(letter); err != nil {
			return none, err
		}
	}
	return DeadLettersAnswer{Letters: []DeadLetter{shown}}, nil
}

func (s *server) listLetters(ctx context.Context, firm string, r DeadLettersRequest) (DeadLettersAnswer, error) {
	none := DeadLettersAnswer{}
	page, err := newPager(r.Page, DeadLettersEndpoint, firm, r)
	if err != nil {
		return none, err
	}
	switch r.State {
	case "", LetterOpen, LetterRequeued, LetterDiscarded:
	default:
		return none, invalid("state: must be one of: %s, %s, %s", LetterOpen, LetterRequeued, LetterDiscarded)
	}
	var last newestFirst
	if _, err := page.after(&last); err != nil {
		return none, err
	}
	filter := store.LetterFilter{
		FirmID: firm, State: store.LetterState(r.State), Type: r.Type, Durable: r.Durable, Since: r.Since,
		Before: last.At, BeforeID: last.ID,
	}
	var list []store.DeadLetter
	err = s.Reads.Read(ctx, func(tx *store.Tx) (err error) {
		list, err = tx.DeadLetters(ctx, filter, page.limit+1)
		return err
	})
	if err != nil {
		return none, err
	}
	answer := DeadLettersAnswer{Letters: make([]DeadLetter, len(list))}
	for i, letter := range list {
		answer.Letters[i] = letterOf(letter)
	}
	n, next, err := cut(answer.Letters, page, func(d DeadLetter) any { return newestFirst{d.At, d.ID} })
	answer.Letters, answer.Next = answer.Letters[:n], next
	return answer, err
}

func (s *server) findLetter(ctx context.Context, firm string, id uuid.UUID) (letter store.DeadLetter, err error) {
	err = s.Reads.Read(ctx, func(tx *store.Tx) (err error) {
		letter, err = tx.FindDeadLetter(ctx, firm, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return letter, notFound("id: this firm has no such dead letter")
	}
	return letter, err
}

// mark requeues or discards an open letter. To requeue, it publishes the event first and marks the letter then. If the
// mark gets lost, it is safe to requeue again: the stream drops the copy, or at worst the same event is handled twice,
// which changes nothing. If something newer is known than what a requeued letter says, it returns that in words.
func (s *server) mark(
	ctx context.Context, firm string, id uuid.UUID, r DeadLettersRequest,
) (outdated string, err error) {
	if err := r.checkMark(); err != nil {
		return "", err
	}
	letter, err := s.findLetter(ctx, firm, id)
	if err != nil {
		return "", err
	}
	if letter.State != store.LetterOpen {
		return "", alreadyMarked(letter)
	}
	state := store.LetterDiscarded
	if r.Action == RequeueLetter {
		state = store.LetterRequeued
		if outdated, err = s.outdated(ctx, letter); err != nil {
			return "", err
		}
		if err := s.Answers.Requeue(ctx, letter); err != nil {
			return "", err
		}
	}
	err = s.Reads.MarkDeadLetter(ctx, firm, id, state, r.By, r.Note, s.Answers.Ledger.Now())
	if !errors.Is(err, store.ErrNotFound) {
		return outdated, err
	}
	if letter, err = s.findLetter(ctx, firm, id); err != nil {
		return "", err
	}
	return "", alreadyMarked(letter) // by another call, in the meantime
}

// outdated says that a letter is older than what is known, if it is.
func (s *server) outdated(ctx context.Context, letter store.DeadLetter) (string, error) {
	known, err := s.Answers.KnownAfter(ctx, letter)
	if err != nil || known == nil {
		return "", err
	}
	since := ""
	if !known.Since.IsZero() {
		since = " since " + known.Since.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	return fmt.Sprintf("older than what is known%s (sequence %d), so it changes nothing", since, known.Sequence), nil
}

func alreadyMarked(letter store.DeadLetter) error {
	return conflict("id: this dead letter was %s by %s on %s", letter.State, letter.By, day(letter.MarkedAt))
}

func (r DeadLettersRequest) checkMark() error {
	if err := checkBy(r.By); err != nil {
		return err
	}
	switch {
	case utf8.RuneCountInString(r.Note) > longestNote:
		return invalid("note: is longer than %d characters", longestNote)
	case r.Action == DiscardLetter && r.Note == "":
		return invalid("note: missing: say why it is discarded")
	default:
		return nil
	}
}

// checkBy checks the name of the person who does something that is recorded.
func checkBy(by string) error {
	switch {
	case by == "":
		return invalid("by: missing: say who does this")
	case utf8.RuneCountInString(by) > longestBy:
		return invalid("by: is longer than %d characters", longestBy)
	default:
		return nil
	}
}

func letterOf(d store.DeadLetter) DeadLetter {
	letter := DeadLetter{
		ID: d.ID, Type: d.Type, Source: d.Source, EventID: d.EventID, Sequence: d.At.Sequence, Subject: d.Subject,
		Reason: d.Reason, Durable: d.Durable, At: d.BuriedAt.UTC(),
		State: LetterState(d.State), By: d.By, Note: d.Note,
	}
	if !d.MarkedAt.IsZero() {
		letter.MarkedAt = d.MarkedAt.UTC()
	}
	return letter
}

// addOriginal adds headers and body, if they fit into an answer.
func (d *DeadLetter) addOriginal(original store.DeadLetter) error {
	d.Headers = map[string][]string{}
	for name, values := range original.Headers {
		for _, value := range values {
			d.Headers[name] = append(d.Headers[name], string(value))
		}
	}
	if utf8.Valid(original.Body) {
		d.Body = string(original.Body)
	} else {
		d.BodyBase64 = original.Body
	}
	encoded, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode dead letter %s: %w", d.ID, err)
	}
	if len(encoded) > longestList {
		d.Headers, d.Body, d.BodyBase64 = nil, "", nil
		d.LeftOut = fmt.Sprintf("headers and a body of %d octets: see sequence %d in %s",
			len(original.Body), d.Sequence, events.EventsStream)
	}
	return nil
}
