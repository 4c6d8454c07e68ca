package runs_test

import (
	"testing"

	"portal-invites/internal/pipeline/pipelinetest"
	"portal-invites/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

type rig struct{ *pipelinetest.Rig }

func newRig(t *testing.T) *rig {
	t.Helper()
	return &rig{pipelinetest.New(t)}
}
