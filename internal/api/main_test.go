package api

import (
	"flag"
	"testing"

	"portal-invites/internal/testenv"
)

func TestMain(m *testing.M) {
	// Each check of a property uses a whole pipeline, so there are few; -rapid.checks sets another number.
	if err := flag.Set("rapid.checks", "12"); err != nil {
		panic(err)
	}
	testenv.Main(m)
}
