package recovery_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/loop"
	"portal-invites/internal/pipeline/pipelinetest"
	"portal-invites/internal/pipeline/recovery"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

type rig struct{ *pipelinetest.Rig }

func newRig(t *testing.T) *rig {
	t.Helper()
	return &rig{pipelinetest.New(t)}
}

// logged waits until n lines of the workers' log have a text.
func (r *rig) logged(n int, text string) {
	r.TB.Helper()
	testenv.Eventually(r.TB, time.Minute, func() error {
		if got := r.Log.Lines(text); got != n {
			return fmt.Errorf("%d lines of the log have %q, want %d", got, text, n)
		}
		return nil
	})
}

// watch makes the watch of a worker that has just started.
func (r *rig) watch() *recovery.Watch {
	return &recovery.Watch{
		Runner: loop.Runner{Waiting: func(string, bool) {}}, Observer: pipeline.Unwatched{}, JS: r.JS, Store: r.Store,
		Worker: uuid.New(),
	}
}

// admits asks whether a worker may write. A worker that has just started compares the database with the stream.
func (r *rig) admits(w *recovery.Watch) error {
	return r.Store.Tx(r.Ctx, func(tx *store.Tx) error { return w.Admit(r.Ctx, tx) })
}
