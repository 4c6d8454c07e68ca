package pages

import (
	"context"
	"net/http"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/api"
	"portal-invites/internal/console/live"
)

// reader returns how the reader of outcomes asks with a credential.
func (s *Site) reader(credential string) live.Ask {
	return func(ctx context.Context, firm string, r api.OutcomesRequest) (api.OutcomesAnswer, error) {
		nc, leave, err := s.Lines.Take(ctx, credential)
		if err != nil {
			return api.OutcomesAnswer{}, err
		}
		defer leave()
		if !nc.IsConnected() {
			return api.OutcomesAnswer{}, errAway
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		// A call that waits for news does not notice that the connection has ended.
		down := nc.StatusChanged(disconnections()...)
		defer nc.RemoveStatusListener(down)
		go func() {
			select {
			case <-ctx.Done():
			case <-down:
				cancel()
			}
		}()
		return api.NewClient(nc).Outcomes(ctx, firm, r)
	}
}

// live is the stream of a firm.
func (s *Site) live(w http.ResponseWriter, r *http.Request) {
	who, err := s.Source.Who(r)
	firm := r.PathValue("firm")
	if err != nil || !who.Sees(firm) {
		http.Error(w, "No such stream.", http.StatusNotFound)
		return
	}
	credential, ok := s.Lines.Of(firm, who.Ops)
	if !ok {
		http.Error(w, "No such stream.", http.StatusNotFound)
		return
	}
	s.hub.Serve(w, r, credential, firm)
}

// disconnections are the states in which no answer comes any more.
func disconnections() []nats.Status {
	return []nats.Status{nats.DISCONNECTED, nats.RECONNECTING, nats.CLOSED}
}
