package upkeep_test

import (
	"testing"

	"portal-invites/internal/pipeline"
	"portal-invites/internal/pipeline/pipelinetest"
	"portal-invites/internal/pipeline/upkeep"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

type rig struct{ *pipelinetest.Rig }

func newRig(t *testing.T) *rig {
	t.Helper()
	return &rig{pipelinetest.New(t)}
}

// upkeep is the upkeep of a worker by hand.
func (r *rig) upkeep(cfg pipeline.Config) upkeep.Config {
	r.TB.Helper()
	p := r.ByHand(store.IndividualLane, cfg)
	return upkeep.Config{
		Runner: p.Runner, Observer: pipeline.Unwatched{}, Ledger: p.Ledger, Lane: store.IndividualLane,
		HoldUnknown: cfg.OnUnknown == pipeline.HoldUnknown, Keep: cfg.Keep, KeepOpen: cfg.KeepOpen,
	}
}
