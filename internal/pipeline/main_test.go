package pipeline_test

import (
	"flag"
	"testing"

	"portal-invites/internal/testenv"
)

func TestMain(m *testing.M) {
	// Each check of a property settles a whole pipeline, or one at every step; the same flags on the command line ask for more.
	for name, value := range map[string]string{"rapid.checks": "4", "rapid.steps": "15"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	testenv.Main(m)
}
