package pipeline_test

import (
	"sync/atomic"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/testkit"
)

// BenchmarkThreeBadAddresses sends a run over 1,000 people, alternately to a server that accepts every mail and to one
// with three bad addresses: it refuses one, answers another after ten seconds and greylists a third. The metrics are
// the times from the run's first decision to the mails of the other 997, as the ratio of the medians and of the 99th
// percentiles.
func BenchmarkThreeBadAddresses(b *testing.B) {
	const patience = 10 * time.Second
	var without, with [2]float64
	for b.Loop() {
		var greylisted atomic.Bool
		for i, took := range [][2]float64{
			timesOfARun(b, func(string) error { return nil }),
			timesOfARun(b, func(to string) error {
				switch {
				case to == "k2@example.com":
					return says(550, [3]int{5, 1, 1}, "no such user")
				case to == "k3@example.com":
					<-time.After(patience)
				case to == "k4@example.com" && !greylisted.Swap(true):
					return says(451, [3]int{4, 7, 1}, "greylisted")
				}
				return nil
			}),
		} {
			sum := []*[2]float64{&without, &with}[i]
			sum[0], sum[1] = sum[0]+took[0], sum[1]+took[1]
		}
	}
	b.ReportMetric(with[0]/without[0], "median-ratio")
	b.ReportMetric(with[1]/without[1], "p99-ratio")
	b.ReportMetric(without[0]/float64(b.N)*1000, "ms/median")
	b.ReportMetric(without[1]/float64(b.N)*1000, "ms/p99")
}

// timesOfARun returns the median and the 99th percentile, in seconds, of a run over 1,000 people without k1 to k4.
func timesOfARun(b *testing.B, onRcpt func(string) error) (took [2]float64) {
	b.Helper()
	r := newRig(b)
	h := r.hooked(onRcpt)
	cfg := r.configFor(h)
	cfg.Connections = 4
	stopInvites, stopBulk := r.StartWorker(pipeline.NewInviteWorker(r.configFor(h))),
		r.StartWorker(pipeline.NewBulkWorker(cfg))
	r.Office(1001)
	r.Handled(events.FactsDurable)
	r.Publish(events.BulkInviteRequested, testkit.BulkAll())
	r.Decided(1001)
	r.left(0)
	stopBulk()
	stopInvites()
	r.Must(r.DB.QueryRow(r.Ctx, `
		SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY took), percentile_cont(0.99) WITHIN GROUP (ORDER BY took)
		FROM (SELECT extract(epoch FROM sent_at - min(decided_at) OVER ())::float8 FROM invites
			WHERE contact_id NOT IN ('k1', 'k2', 'k3', 'k4')) AS others (took)`).Scan(&took[0], &took[1]))
	return took
}
