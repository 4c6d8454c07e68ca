package pipeline

import (
	"flag"
	"testing"

	"pgregory.net/rapid"

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

// checkOften checks a property that needs no database, and so costs nothing, some hundred times as often.
func checkOften(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	for range 100 {
		rapid.Check(t, property)
	}
}
