package api

import (
	"testing"

	"github.com/google/uuid"

	"portal-invites/internal/events"
)

// A cursor continues the question that it came from. Of any other question, it is an error and not an empty page.
func TestACursorBelongsToItsQuestion(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	everybody := &events.Selection{AllClients: true}
	calls := []struct {
		name, endpoint, firm string
		request              any
		key                  any
		ask                  func(Page) error
	}{
		{"runs", RunsEndpoint, acme, RunsRequest{}, newestFirst{}, func(p Page) error {
			_, err := r.client.Runs(r.ctx, acme, RunsRequest{Page: p})
			return err
		}},
		{"runs of a kind", RunsEndpoint, acme, RunsRequest{Kind: "replay"}, newestFirst{}, func(p Page) error {
			_, err := r.client.Runs(r.ctx, acme, RunsRequest{Kind: "replay", Page: p})
			return err
		}},
		{"runs of another firm", RunsEndpoint, "other", RunsRequest{}, newestFirst{}, func(p Page) error {
			_, err := r.client.Runs(r.ctx, "other", RunsRequest{Page: p})
			return err
		}},
		{"held", HeldEndpoint, acme, HeldRequest{}, newestFirst{}, func(p Page) error {
			_, err := r.client.Held(r.ctx, acme, HeldRequest{Page: p})
			return err
		}},
		{"decided", HeldEndpoint, acme, HeldRequest{State: HeldDecided}, newestFirst{}, func(p Page) error {
			_, err := r.client.Held(r.ctx, acme, HeldRequest{State: HeldDecided, Page: p})
			return err
		}},
		{"suppressions", SuppressionsEndpoint, acme, SuppressionsRequest{}, suppressionPlace{}, func(p Page) error {
			_, err := r.client.Suppressions(r.ctx, acme, SuppressionsRequest{Page: p})
			return err
		}},
		{"dead_letters", DeadLettersEndpoint, acme, DeadLettersRequest{}, newestFirst{}, func(p Page) error {
			_, err := r.client.DeadLetters(r.ctx, acme, DeadLettersRequest{Page: p})
			return err
		}},
		{"status", StatusEndpoint, acme, StatusRequest{ClientID: "c1"}, statusKey{}, func(p Page) error {
			_, err := r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c1", Page: p})
			return err
		}},
		{"statuses", StatusesEndpoint, acme, StatusesRequest{}, statusKey{}, func(p Page) error {
			_, err := r.client.Statuses(r.ctx, acme, StatusesRequest{Page: p})
			return err
		}},
		{"statuses of a state", StatusesEndpoint, acme, StatusesRequest{State: "active"}, statusKey{}, func(p Page) error {
			_, err := r.client.Statuses(r.ctx, acme, StatusesRequest{State: "active", Page: p})
			return err
		}},
		{"a selection", ExplainEndpoint, acme, ExplainRequest{Selection: everybody}, explainKey{}, func(p Page) error {
			_, err := r.client.Explain(r.ctx, acme, ExplainRequest{Selection: everybody, Page: p})
			return err
		}},
		{"a replay", ExplainEndpoint, acme, ExplainRequest{Filter: &events.Filter{}}, explainKey{InviteID: uuid.New()},
			func(p Page) error {
				_, err := r.client.Explain(r.ctx, acme, ExplainRequest{Filter: &events.Filter{}, Page: p})
				return err
			}},
	}
	for _, from := range calls {
		p, err := newPager(Page{}, from.endpoint, from.firm, from.request)
		r.must(err)
		cursor, err := p.next(from.key)
		r.must(err)
		for _, to := range calls {
			// The limit may change from page to page.
			if err := to.ask(Page{Cursor: cursor, Limit: 7}); from.name != to.name {
				t.Run(from.name+" to "+to.name, func(t *testing.T) { t.Parallel(); refused(t, err, 400, "cursor: ") })
			} else if err != nil {
				t.Errorf("%s: its own cursor is refused: %v", from.name, err)
			}
		}
	}
	_, err := r.client.Runs(r.ctx, acme, RunsRequest{Page: Page{Cursor: "bm9uZQ"}})
	refused(t, err, 400, "cursor: ")
}
