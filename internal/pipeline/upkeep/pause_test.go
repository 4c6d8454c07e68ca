package upkeep

import (
	"testing"

	"portal-invites/internal/store"
)

func TestWhenAFirmIsPaused(t *testing.T) {
	t.Parallel()
	limits := PauseLimits{Mails: 200, Bounces: 10, BounceShare: 0.05, Complaints: 3, ComplaintShare: 0.001}
	for _, c := range []struct {
		mails, bounces, complaints int
		want                       string
	}{
		{13, 1, 0, ""}, // one bounce in thirteen mails is no verdict
		{199, 199, 199, ""},
		{200, 9, 2, ""},
		{200, 10, 0, "bounces"},
		{201, 10, 0, ""},
		{100_000, 4_999, 99, ""},
		{100_000, 5_000, 0, "bounces"},
		{100_000, 0, 100, "complaints"},
		{3_000, 0, 3, "complaints"},
		{3_001, 0, 3, ""},
		{1_000, 50, 50, "bounces"},
		{0, 0, 0, ""},
	} {
		cause, reason := limits.judge(store.Suspect{Mails: c.mails, Bounces: c.bounces, Complaints: c.complaints})
		if cause != c.want || (reason == "") != (c.want == "") {
			t.Errorf("%d mails, %d bounces, %d complaints: %q, %q; want %q", c.mails, c.bounces, c.complaints, cause, reason,
				c.want)
		}
	}
}
