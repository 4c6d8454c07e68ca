package api

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"portal-invites/internal/events"
)

// many gives a firm n clients c0000001…, each with its own Primary contact k0000001…. It writes them directly into the
// tables.
func (r *rig) many(n int) {
	r.t.Helper()
	r.firm(acme)
	r.settled()
	for _, sql := range []string{
		`INSERT INTO contacts (firm_id, contact_id, name, email, email_normal, locale, removed, stream, sequence)
			SELECT 'acme', 'k' || lpad(n::text, 7, '0'), 'Kay ' || n, 'k' || n || '@example.com', 'k' || n || '@example.com',
				'', false, '-infinity', 0
			FROM generate_series(1, $1::int) n`,
		`INSERT INTO clients (firm_id, client_id, kind, name, active, contact_ids, primaries, removed, stream, sequence)
			SELECT 'acme', 'c' || lpad(n::text, 7, '0'), 'business', 'Client ' || n, true,
				ARRAY['k' || lpad(n::text, 7, '0')], ARRAY[true], false, '-infinity', 0
			FROM generate_series(1, $1::int) n`,
	} {
		_, err := r.db.Exec(r.ctx, sql, n)
		r.must(err)
	}
	_, err := r.db.Exec(r.ctx, `ANALYZE`)
	r.must(err)
}

// Explain reads a selection in pages. A reservation on the first page still counts on the last.
func TestExplainALargeSelectionCarriesReservations(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.many(5000)
	_, err := r.db.Exec(r.ctx, `UPDATE contacts SET email = 'k1@example.com', email_normal = 'k1@example.com'
		WHERE contact_id = 'k0005000'`)
	r.must(err)
	answer, err := r.client.Explain(r.ctx, acme, ExplainRequest{
		Selection: &events.Selection{AllClients: true}, Only: OnlySkip})
	r.must(err)
	if sums := answer.Totals; sums.Selected != 5000 || sums.WouldSend != 4999 || len(answer.Recipients) != 1 {
		t.Fatalf("totals %+v, listed %d", sums, len(answer.Recipients))
	}
	if e := answer.Recipients[0]; e.ClientID != "c0005000" || e.Reason != "email_shared" ||
		e.Reasons[0].Conflict.ContactID != "k0000001" {
		t.Errorf("%+v", e)
	}
	// The longest page still fits into a message.
	page, err := r.client.Explain(r.ctx, acme, ExplainRequest{
		Selection: &events.Selection{AllClients: true}, Page: Page{Limit: MaxLimit}})
	r.must(err)
	if len(page.Recipients) != MaxLimit || page.Next == "" {
		t.Errorf("a page of %d, next %q", len(page.Recipients), page.Next)
	}
}

// BenchmarkServicesDuringARun makes one call after the other while a run over 20,000 contacts is walked and sent. The
// metrics are the median and the 99th percentile.
func BenchmarkServicesDuringARun(b *testing.B) {
	r := newRig(b)
	r.start()
	r.many(20_000)
	r.publish(acme, events.InviteRequested, named("c0020000", "k0020000"))
	r.settled()
	invite := r.inviteOf("c0020000", "k0020000")
	token := r.token(invite)
	r.publish(acme, events.BulkInviteRequested, bulkAll())

	var n atomic.Int64
	for name, ask := range map[string]func() error{
		"explain": func() error {
			id := n.Add(1) % 20_000
			_, err := r.client.Explain(r.ctx, acme, ExplainRequest{
				ClientID: fmt.Sprintf("c%07d", id), Recipients: []events.Recipient{{ContactID: fmt.Sprintf("k%07d", id)}},
			})
			return err
		},
		"status": func() error { _, err := r.client.Status(r.ctx, acme, StatusRequest{ContactID: "k0020000"}); return err },
		"redeem": func() error { _, err := r.client.Redeem(r.ctx, acme, RedeemRequest{Token: token}); return err },
		"runs":   func() error { _, err := r.client.Runs(r.ctx, acme, RunsRequest{}); return err },
		"preview": func() error {
			_, err := r.client.Preview(r.ctx, acme, PreviewRequest{
				Type: events.InviteRequested, Data: raw(b, named("c0020000", "k0020000"))})
			return err
		},
		"explain 20,000": func() error {
			_, err := r.client.Explain(r.ctx, acme, ExplainRequest{Selection: &events.Selection{AllClients: true}})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				if err := ask(); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms/p99")
		})
	}
	runs, err := r.client.Runs(r.ctx, acme, RunsRequest{Page: Page{Limit: 1}})
	r.must(err)
	b.Logf("the run by now: %+v", runs.Runs)
}
