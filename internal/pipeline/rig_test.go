package pipeline_test

import (
	"testing"

	"portal-invites/internal/pipeline/pipelinetest"
)

// rig is the test rig of this package, with helpers of its own.
type rig struct{ *pipelinetest.Rig }

const firm = "acme"

func newRig(tb testing.TB) *rig {
	tb.Helper()
	return &rig{pipelinetest.New(tb)}
}
