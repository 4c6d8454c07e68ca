package pipeline_test

import (
	"flag"
	"testing"

	"portal-invites/internal/testenv"
)

func TestMain(m *testing.M) {
	// Each check of a property waits for a whole pipeline, some after every step, so there are few. The same flags on the
	// command line set other numbers.
	for name, value := range map[string]string{"rapid.checks": "4", "rapid.steps": "15"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	testenv.Main(m)
}
