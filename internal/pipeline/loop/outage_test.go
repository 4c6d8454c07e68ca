package loop

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// An outage may last for hours. When it ends, the stage tries again within a second.
func TestPausesOfAnOutageStayShort(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := Runner{Log: zerolog.Nop(), Waiting: func(string, bool) {}}.Outage("test")
		for try := range 100 {
			began := time.Now()
			out.Wait(t.Context(), errors.New("away"))
			if pause := time.Since(began); pause > longestPause || pause < shortestPause/2 {
				t.Errorf("pause %d is %s", try, pause)
			}
		}
	})
}
