package pipeline_test

import (
	"testing"

	"portal-invites/internal/pipeline/pipelinetest"
)

// rig is what the tests of whole workers stand on, with words of their own.
type rig struct{ *pipelinetest.Rig }

const firm = "acme"

func newRig(tb testing.TB) *rig {
	tb.Helper()
	return &rig{pipelinetest.New(tb)}
}
