package events

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// The epochs of a stream that went back twice: from 50 to 30, and later from 40 to 20.
func TestPositionsOfAStreamThatWentBack(t *testing.T) {
	t.Parallel()
	created := time.Date(2026, 3, 1, 0, 0, 0, 123_456_789, time.UTC)
	one, two := created.Add(time.Hour), created.Add(2*time.Hour)
	epochs := NewEpochs([]uint64{1, 31, 21}, []time.Time{created, one, two})
	for sequence, want := range map[uint64]time.Time{1: created, 20: created, 21: two, 30: two, 31: two, 99: two} {
		if got := epochs.At(sequence); got != (Position{Stream: want, Sequence: sequence}) {
			t.Errorf("%d is at %v, want %v", sequence, got, want)
		}
	}
	for _, c := range []struct {
		at   Position
		want uint64
	}{
		{Position{created, 15}, 15},
		{Position{created.Truncate(time.Microsecond), 15}, 15}, // as the ledger keeps it
		{Position{created, 25}, 20},                            // 21 to 25 are other messages today
		{Position{one, 40}, 20},
		{Position{two, 40}, 40},
		{Position{created.Add(-time.Hour), 40}, 0}, // in the stream before this one
	} {
		if got := epochs.Sequence(c.at); got != c.want {
			t.Errorf("%v is at sequence %d today, want %d", c.at, got, c.want)
		}
	}
}

// The stream has the messages 1 to 10. The cases differ in what workers have been given.
func TestWhereTheStreamWentBack(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	for range 10 {
		emit(t, js, ClientRemoved)
	}
	stream, err := js.Stream(t.Context(), EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	times := map[uint64]int64{}
	for _, msg := range stored(t, js, EventsStream) {
		times[msg.Sequence] = msg.Time.UnixNano()
	}
	for _, expired := range []uint64{1, 5} {
		if err := stream.DeleteMsg(t.Context(), expired); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		mark  Mark
		first uint64
		next  Mark
	}{
		"nothing is known":           {Mark{}, 0, Mark{}},
		"the same message":           {Mark{8, times[8], times[8]}, 0, Mark{}},
		"the last message":           {Mark{10, times[10], times[10]}, 0, Mark{}},
		"the message has expired":    {Mark{5, 1, 1}, 0, Mark{}},
		"it ends before the mark":    {Mark{12, math.MaxInt64, math.MaxInt64}, 11, Mark{10, times[10], times[10]}},
		"some came since":            {Mark{12, times[7] + 1, times[7] + 1}, 8, Mark{7, times[7], times[7]}},
		"the first since is expired": {Mark{12, times[4], times[4]}, 5, Mark{4, times[4], times[4]}},
		"it grew to the mark":        {Mark{10, 1, times[7]}, 8, Mark{7, times[7], times[7]}},
		"it grew past the mark":      {Mark{8, 1, times[6]}, 7, Mark{6, times[6], times[6]}},
		"only the mark differs":      {Mark{8, 1, times[7]}, 8, Mark{7, times[7], times[7]}},
		"all of it":                  {Mark{8, 1, 1}, 2, Mark{1, 0, 0}},
		"the clock was set back":     {Mark{8, 1, math.MaxInt64}, 1, Mark{}},
		"the clock, to the mark":     {Mark{10, 1, math.MaxInt64}, 1, Mark{}},
	} {
		first, next, err := WentBack(t.Context(), js, c.mark)
		if err != nil || first != c.first || next != c.next {
			t.Errorf("%s: %d, %+v, %v; want %d, %+v", name, first, next, err, c.first, c.next)
		}
	}
}

func TestAnEmptyStreamWentBack(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	first, next, err := WentBack(t.Context(), js, Mark{5, 5, 5})
	if err != nil || first != 1 || next != (Mark{}) {
		t.Errorf("%d, %+v, %v; want the stream's beginning", first, next, err)
	}
}

// A durable that has been given lost messages is set back to the first new one, but not past what nobody has
// acknowledged. Others stay.
func TestDurablesAreSetBack(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	for range 6 {
		emit(t, js, ClientRemoved)
	}
	emit(t, js, InviteRequested) // 7
	emit(t, js, BulkInviteRequested)
	facts, requests := open(t, js, FactsDurable), open(t, js, InviteDurable)
	batch := fetch(t, facts, 6)
	Ack(batch[:2])
	Ack(fetch(t, requests, 1))
	eventually(t, "the acknowledgements are known", func() bool {
		return durable(t, js, FactsDurable).AckFloor.Stream == 2 && durable(t, js, InviteDurable).AckFloor.Stream == 7
	})
	if err := SetBack(t.Context(), js, 5); err != nil {
		t.Fatal(err)
	}
	mustBe(t, fetch(t, facts, 4), 3, 4, 5, 6)
	mustBe(t, fetch(t, requests, 1), 7)
	if err := SetBack(t.Context(), js, 8); err != nil {
		t.Fatal(err)
	}
	if at := durable(t, js, BulkDurable).Delivered.Stream; at != 0 {
		t.Errorf("the bulk durable is at %d", at)
	}
	ahead, err := Ahead(t.Context(), js)
	if err != nil || len(ahead) != 0 {
		t.Errorf("%v, %v; no durable is ahead", ahead, err)
	}
}

// placing is a Placer whose stream goes back at a moment that the test chooses.
type placing struct {
	known, now Epochs
	marks      []Mark
	stale      int    // how often Raise finds other epochs
	raising    func() // called by Raise, if not nil
	lost       []Mark // what Lost was told
	begun      Epochs // what the stream has after Lost, if not nil
}

func (p *placing) Known() Epochs { return p.known }

func (p *placing) Epochs(context.Context) (Epochs, error) { return p.now, nil }

func (p *placing) Raise(_ context.Context, _ Epochs, to Mark) (bool, error) {
	p.marks = append(p.marks, to)
	if p.raising != nil {
		p.raising()
	}
	p.stale--
	return p.stale < 0, nil
}

func (p *placing) Lost(_ context.Context, _ Epochs, of Mark) (bool, error) {
	p.lost = append(p.lost, of)
	if p.begun == nil {
		return false, nil
	}
	p.now = p.begun
	return true, nil
}

// The stream goes back while a batch is fetched. A message that the stream has lost keeps its position. The others get
// their position in the new epoch, and only they raise the mark.
func TestABatchFromBeforeTheStreamWentBack(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	for range 4 {
		emit(t, js, ClientRemoved)
	}
	old, begin := time.Unix(1, 0), time.Unix(2, 0)
	facts := open(t, js, FactsDurable)
	p := &placing{
		known: NewEpochs([]uint64{1}, []time.Time{old}), now: NewEpochs([]uint64{1, 2}, []time.Time{old, begin}), stale: 1,
	}
	facts.PlaceBy(p)
	stream, err := js.Stream(t.Context(), EventsStream)
	if err != nil {
		t.Fatal(err)
	}
	batch, err := facts.place(t.Context(), func() ([]Delivery, error) {
		batch, err := facts.fetch(t.Context(), 4)
		if deleteErr := stream.DeleteMsg(t.Context(), 4); deleteErr != nil { // the stream loses it
			t.Error(deleteErr)
		}
		return batch, err
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []Position
	for _, d := range batch {
		got = append(got, d.At)
	}
	if want := []Position{{old, 1}, {begin, 2}, {begin, 3}, {old, 4}}; !slices.Equal(got, want) {
		t.Errorf("placed at %v, want %v", got, want)
	}
	third := batch[2].stored
	if len(p.marks) != 2 || p.marks[1].Sequence != 3 || p.marks[1].Time != third || p.marks[1].Newest != third {
		t.Errorf("the marks are %+v", p.marks)
	}
}

// The stream goes back after a batch got its positions, and before the mark is raised. Another worker may have been
// given a new message with the same sequence, and have raised the mark to that one. So an epoch must begin: otherwise
// the lost message and the new one have the same position.
func TestTheStreamGoesBackBeforeTheMarkIsRaised(t *testing.T) {
	t.Parallel()
	for name, begins := range map[string]bool{"an epoch begins": true, "the message has only expired": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			js := runPipelineBroker(t)
			emit(t, js, ClientRemoved)
			emit(t, js, ClientRemoved)
			facts := open(t, js, FactsDurable)
			old, begin := time.Unix(1, 0), time.Unix(2, 0)
			one := NewEpochs([]uint64{1}, []time.Time{old})
			p := &placing{known: one, now: one}
			if begins {
				p.begun = NewEpochs([]uint64{1, 2}, []time.Time{old, begin})
			}
			p.raising = func() {
				p.raising = nil
				if err := facts.stream.DeleteMsg(t.Context(), 2); err != nil {
					t.Error(err)
				}
				reconnect(t, js)
			}
			facts.PlaceBy(p)
			ready(t, js, FactsDurable, 2)
			batch, err := facts.Fetch(t.Context(), 2)
			if err != nil || len(batch) != 2 {
				t.Fatalf("%d messages, %v", len(batch), err)
			}
			if first, second := batch[0].At, batch[1].At; first != (Position{old, 1}) || second != (Position{old, 2}) {
				t.Errorf("placed at %v and %v", first, second)
			}
			stored := batch[1].stored
			if len(p.lost) != 1 || p.lost[0] != (Mark{Sequence: 2, Time: stored, Newest: stored}) {
				t.Errorf("lost: %+v", p.lost)
			}
			if last := p.marks[len(p.marks)-1]; len(p.marks) != 2 || last.Sequence != 1 {
				t.Errorf("the marks are %+v", p.marks)
			}
		})
	}
}

// reconnect cuts the connection to the broker, and waits until it is there again.
func reconnect(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	before := js.Conn().Stats().Reconnects
	if err := js.Conn().ForceReconnect(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the connection is there again", func() bool {
		return js.Conn().Stats().Reconnects > before && js.Conn().IsConnected()
	})
}
