package upkeep_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/pipeline"
	"portal-invites/internal/testkit"
)

// Nobody may ever look at a dead letter. So open ones have a time, and each firm a number of them.
func TestOpenDeadLettersAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	now := time.Now().UTC().Truncate(time.Microsecond)
	insert := func(firm, state string, hoursAgo int) {
		r.Exec(`INSERT INTO dead_letters (letter_id, firm_id, type, source, event_id, stream, sequence, subject,
				reason, durable, buried_at, headers, body, state, marked_at)
			VALUES ($1, $2, 'T', 's', 'e', $3, 1, 's', 'r', 'd', $3, '', '', $4, $3)`,
			uuid.New(), firm, now.Add(-time.Duration(hoursAgo)*time.Hour), state)
	}
	for hours := range 1200 {
		insert("flooded", "open", hours)
	}
	for hours := range 20 {
		insert("quiet", "open", 100*hours)
		insert("quiet", "requeued", 100*hours)
	}
	left := func(firm, state string) string {
		return testkit.Query[string](r.Scene, `
			SELECT concat(count(*), ' up to ', extract(epoch FROM $3 - min(buried_at))::int / 3600)
			FROM dead_letters WHERE firm_id = $1 AND state = $2`, firm, state, now)
	}
	for _, step := range []struct {
		keep           pipeline.Letters
		flooded, quiet string
	}{
		{pipeline.Letters{}, "1200 up to 1199", "20 up to 1900"},
		{pipeline.Letters{For: 1000*time.Hour + time.Minute}, "1001 up to 1000", "11 up to 1000"},
		{pipeline.Letters{PerFirm: 7}, "7 up to 6", "7 up to 600"},
	} {
		cfg := r.Config()
		cfg.KeepOpen, cfg.Now = step.keep, func() time.Time { return now }
		upkeep := r.upkeep(cfg)
		deleted, err := upkeep.Prune(r.Ctx, time.Time{})
		r.Must(err)
		if got := fmt.Sprint(left("flooded", "open"), ", ", left("quiet", "open")); got != step.flooded+", "+step.quiet {
			t.Errorf("%+v leaves %s; want %s, %s (deleted %v)", step.keep, got, step.flooded, step.quiet, deleted)
		}
		if handled := left("quiet", "requeued"); handled != "20 up to 1900" {
			t.Errorf("%+v leaves %s of the letters that were requeued", step.keep, handled)
		}
	}
}
