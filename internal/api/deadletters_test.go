package api

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/testenv"
)

// publishUnreadable publishes a message that can't be read.
func (r *rig) publishUnreadable(subject string, header nats.Header, body []byte) {
	r.t.Helper()
	_, err := r.js.PublishMsg(r.ctx, &nats.Msg{Subject: subject, Header: header, Data: body})
	r.must(err)
}

// letters waits until a firm has n dead letters, and lists them.
func (r *rig) letters(firm string, n int) []DeadLetter {
	r.t.Helper()
	var list []DeadLetter
	testenv.Eventually(r.t, testenvPatience, func() error {
		answer, err := r.client.DeadLetters(r.ctx, firm, DeadLettersRequest{})
		if list = answer.Letters; err == nil && len(list) < n {
			return errTooFew
		}
		return err
	})
	if len(list) != n {
		r.t.Fatalf("%d letters of %s, want %d", len(list), firm, n)
	}
	return list
}

func TestDeadLettersAreListedShownAndDiscarded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.publishUnreadable("portal.facts.acme.FirmUpserted", nats.Header{"X-Odd": {"a\xff"}, "X-Two": {"1", "2"}},
		[]byte("hello"))
	first := r.letters(acme, 1)[0]
	r.publishUnreadable("portal.facts.acme.Nonsense", nil, []byte{0xff, 0})
	r.publishUnreadable("portal.facts.bad+firm.FirmUpserted", nil, nil)
	r.letters(acme, 2)
	r.letters("_", 1)
	if first.Type != "FirmUpserted" || first.Subject != "portal.facts.acme.FirmUpserted" || first.Sequence != 1 ||
		first.State != LetterOpen ||
		first.Durable != "facts" || !strings.HasPrefix(first.Reason, "envelope: ") || first.Body != "" {
		t.Errorf("%+v", first)
	}
	act := func(request DeadLettersRequest) DeadLetter {
		t.Helper()
		answer, err := r.client.DeadLetters(r.ctx, acme, request)
		r.must(err)
		return answer.Letters[0]
	}
	second := act(DeadLettersRequest{Type: "Nonsense"})
	if shown := act(DeadLettersRequest{Action: ShowLetter, ID: first.ID.String()}); shown.Body != "hello" ||
		strings.Join(shown.Headers["X-Two"], ",") != "1,2" {
		t.Errorf("shown: %+v", shown)
	}
	shown := act(DeadLettersRequest{Action: ShowLetter, ID: second.ID.String()})
	if !bytes.Equal(shown.BodyBase64, []byte{0xff, 0}) || shown.Type != "Nonsense" {
		t.Errorf("shown: %+v", shown)
	}
	gone := act(DeadLettersRequest{Action: DiscardLetter, ID: second.ID.String(), By: "Kim", Note: "a test"})
	if gone.State != LetterDiscarded || gone.By != "Kim" || gone.Note != "a test" || gone.MarkedAt.IsZero() {
		t.Errorf("discarded: %+v", gone)
	}
	for want, request := range map[uuid.UUID]DeadLettersRequest{
		first.ID: {State: LetterOpen}, second.ID: {Type: "Nonsense"},
	} {
		if got := act(request); got.ID != want {
			t.Errorf("%+v finds %+v", request, got)
		}
	}
	page, err := r.client.DeadLetters(r.ctx, acme, DeadLettersRequest{Page: Page{Limit: 1}})
	r.must(err)
	rest := act(DeadLettersRequest{Page: Page{Limit: 1, Cursor: page.Next}})
	// The clocks of the two workers that made the letters may differ by more than lies between them.
	if paged := []uuid.UUID{page.Letters[0].ID, rest.ID}; !slices.Contains(paged, first.ID) ||
		!slices.Contains(paged, second.ID) {
		t.Errorf("pages: %+v, %+v", page, rest)
	}
	_, err = r.client.DeadLetters(r.ctx, acme, DeadLettersRequest{
		Action: RequeueLetter, ID: second.ID.String(), By: "Kim"})
	refused(t, err, 409, "id: this dead letter was discarded by Kim on ")
	_, err = r.client.DeadLetters(r.ctx, "other", DeadLettersRequest{Action: ShowLetter, ID: first.ID.String()})
	refused(t, err, 404, "id: ")
}

// A letter that this version could not read is requeued once a version that can read it runs. The event is then handled
// like any other, and keeps its identity: the same event from upstream is handled only once.
func TestRequeueKeepsTheIdentity(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	subject, err := events.Subject(acme, events.InviteRequested)
	r.must(err)
	good, err := events.Outgoing{Subject: subject, Type: events.InviteRequested, Source: "test", ID: "same",
		Data: named("c1", "dana")}.Message()
	r.must(err)
	// Its time is not valid, so it becomes a dead letter. Correcting the row below stands for a version that can read it.
	good.Header.Set("ce-time", "later")
	r.publishUnreadable(subject, good.Header, good.Data)
	letter := r.letters(acme, 1)[0]
	if letter.Source != "test" || letter.EventID != "same" {
		t.Errorf("the identity in the letter: %+v", letter)
	}
	_, err = r.db.Exec(r.ctx, `UPDATE dead_letters
		SET headers = convert_to(replace(convert_from(headers, 'UTF8'), $1, $2), 'UTF8')`,
		"bGF0ZXI=", "MjAyNi0xMS0yMlQxMDozMDowMFo=") // later → 2026-11-22T10:30:00Z
	r.must(err)

	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			_, err := r.client.DeadLetters(r.ctx, acme, DeadLettersRequest{
				Action: RequeueLetter, ID: letter.ID.String(), By: "Kim", Note: "fixed"})
			if err != nil {
				refused(t, err, 409, "id: this dead letter was requeued by Kim")
			}
		})
	}
	both.Wait()
	testenv.Eventually(t, testenvPatience, func() error {
		if len(r.mailbox.Messages()) == 0 {
			return errTooFew
		}
		return nil
	})
	r.settled()
	if got := r.letters(acme, 1)[0]; got.State != LetterRequeued || got.Note != "fixed" {
		t.Errorf("%+v", got)
	}
	// The same event from upstream is the same event.
	good.Header.Set("ce-time", "2026-11-22T10:30:00Z")
	good.Header.Del(nats.MsgIdHdr)
	r.publishUnreadable(subject, good.Header, good.Data)
	r.publish(acme, events.InviteRequested, named("c3", "dana")) // another event behind it
	r.settled()
	if n := len(r.mailbox.Messages()); n != 2 {
		t.Errorf("%d mails", n)
	}
}

func TestDeadLettersSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	id := uuid.NewString()
	for begins, request := range map[string]DeadLettersRequest{
		"action: must be":   {Action: "burn"},
		"id: must be":       {Action: ShowLetter},
		"state: must be":    {State: "lost"},
		"by: missing":       {Action: RequeueLetter, ID: id},
		"by: is longer":     {Action: RequeueLetter, ID: id, By: strings.Repeat("x", 301)},
		"note: missing":     {Action: DiscardLetter, ID: id, By: "Kim"},
		"note: is longer":   {Action: RequeueLetter, ID: id, By: "Kim", Note: strings.Repeat("x", 1001)},
		"limit: must be 1 ": {Page: Page{Limit: -3}},
	} {
		_, err := r.client.DeadLetters(r.ctx, acme, request)
		refused(t, err, 400, begins)
	}
	for _, action := range []string{ShowLetter, RequeueLetter, DiscardLetter} {
		_, err := r.client.DeadLetters(r.ctx, acme, DeadLettersRequest{Action: action, ID: id, By: "Kim", Note: "why"})
		refused(t, err, 404, "id: this firm has no such dead letter")
	}
}
