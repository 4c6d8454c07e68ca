package facts

import (
	"testing"

	"portal-invites/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }
