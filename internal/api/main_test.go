package api

import (
	"flag"
	"testing"

	"portal-invites/internal/testenv"
)

func TestMain(m *testing.M) {
	// Each check of a property runs a whole pipeline; -rapid.checks asks for more of them.
	if err := flag.Set("rapid.checks", "12"); err != nil {
		panic(err)
	}
	testenv.Main(m)
}
