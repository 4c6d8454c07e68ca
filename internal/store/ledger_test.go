package store_test

import (
	"sync"
	"testing"

	"github.com/google/uuid"
)

// Workers that start at the same time get one id, and another database has another.
func TestTheLedgerHasOneID(t *testing.T) {
	t.Parallel()
	s, other := open(t).Store, open(t).Store
	ids := make([]uuid.UUID, 8)
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			var err error
			if ids[i], err = s.LedgerID(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, id := range ids {
		if id != ids[0] || id == uuid.Nil {
			t.Errorf("the ids are %v", ids)
		}
	}
	if id, err := other.LedgerID(t.Context()); err != nil || id == ids[0] {
		t.Errorf("another database has the id %v, %v", id, err)
	}
}
