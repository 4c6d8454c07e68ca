package announce

import (
	"maps"
	"slices"
	"testing"
	"time"

	"portal-invites/internal/testkit"

	"pgregory.net/rapid"
)

// In whatever order transactions draw their ids, commit and are read, no read begins above a row that is committed and
// not announced.
func TestTheLowWaterMarkHidesNothing(t *testing.T) {
	t.Parallel()
	testkit.CheckOften(t, func(rt *rapid.T) {
		o := &outboxModel{rt: rt, lowWater: newLowWater(), there: map[int64]bool{}}
		o.from(o.now) // the first read is a sweep, which would hide errors
		for range 60 {
			switch rapid.IntRange(0, 5).Draw(rt, "step") {
			case 0:
				o.open = append(o.open, &modelTransaction{end: o.begin()})
			case 1:
				o.draw()
			case 2:
				o.commit()
			case 3:
				o.end()
			case 4:
				o.announce()
			case 5:
				o.restore()
			}
		}
	})
}

// outboxModel is a model in memory of an outbox, the transactions that write to it, and its announcer.
type outboxModel struct {
	*lowWater
	rt    *rapid.T
	now   time.Time
	drawn int64 // the last id
	open  []*modelTransaction
	there map[int64]bool // committed and not announced
}

type modelTransaction struct {
	ids       []int64
	committed bool
	end       func()
}

const modelBatch = 2

// one draws an open transaction that has committed or not; nil if there is none.
func (o *outboxModel) one(committed bool) *modelTransaction {
	var list []*modelTransaction
	for _, tx := range o.open {
		if tx.committed == committed {
			list = append(list, tx)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return rapid.SampledFrom(list).Draw(o.rt, "transaction")
}

func (o *outboxModel) draw() {
	if tx := o.one(false); tx != nil {
		for range rapid.IntRange(1, 2*modelBatch).Draw(o.rt, "rows") {
			o.drawn++
			tx.ids = append(tx.ids, o.drawn)
		}
	}
}

func (o *outboxModel) commit() {
	if tx := o.one(false); tx != nil {
		tx.committed = true
		for _, id := range tx.ids {
			o.there[id] = true
		}
	}
}

// end ends a transaction: the worker gets the answer to its commit.
func (o *outboxModel) end() {
	if tx := o.one(true); tx != nil {
		tx.end()
		o.open = slices.DeleteFunc(o.open, func(t *modelTransaction) bool { return t == tx })
	}
}

// restore puts an earlier database in place. No open transaction commits there. Rows that were announced may be back.
func (o *outboxModel) restore() {
	for _, tx := range o.open {
		tx.ids, tx.committed = nil, true
	}
	o.drawn = rapid.Int64Range(0, o.drawn).Draw(o.rt, "the last id of the backup")
	o.there = map[int64]bool{}
	for id := range o.drawn {
		if rapid.Bool().Draw(o.rt, "in the backup") {
			o.there[id+1] = true
		}
	}
	o.forget()
}

func (o *outboxModel) announce() {
	from := o.from(o.now)
	batch := slices.Sorted(maps.Keys(o.there))
	if len(batch) > 0 && batch[0] < from {
		o.rt.Fatalf("row %d is not announced, but the read begins at %d", batch[0], from)
	}
	batch = batch[:min(len(batch), modelBatch)]
	if rapid.IntRange(0, 3).Draw(o.rt, "the broker is down at 0") == 0 {
		o.rewind(from)
		return
	}
	for _, id := range batch {
		delete(o.there, id)
	}
	o.passed(batch, modelBatch)
}

func TestTheWholeOutboxIsReadOnceAMinute(t *testing.T) {
	t.Parallel()
	l := newLowWater()
	now := time.Now()
	l.from(now)
	l.passed([]int64{40, 41}, 3)
	if from := l.from(now.Add(sweepEvery - 1)); from != 42 {
		t.Errorf("reads from %d, want 42", from)
	}
	if from := l.from(now.Add(sweepEvery)); from != 0 {
		t.Errorf("reads from %d after a minute, want 0", from)
	}
}
