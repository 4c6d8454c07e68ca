package app

import (
	"cmp"
	"context"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/api"
	"portal-invites/internal/standalone"
)

// portalPages asks the services for the pages that act as a firm's portal. The back end of a real portal does the same.
type portalPages struct {
	connect func(name string) (*nats.Conn, jetstream.JetStream, error)
}

// Visit asks the service redeem.
func (p portalPages) Visit(ctx context.Context, firm, token string, peek bool) (standalone.Visit, error) {
	nc, _, err := p.connect("portal page")
	if err != nil {
		return standalone.Visit{}, err
	}
	defer nc.Close()
	answer, err := api.NewClient(nc).Redeem(ctx, firm, api.RedeemRequest{Token: token, Peek: peek})
	return standalone.Visit{
		Result: string(answer.Result), Client: answer.ClientName, Name: answer.Name,
		Email: cmp.Or(answer.Email, answer.EmailMasked), First: answer.First,
		NewestAt: answer.NewestSentAt, NewestTo: answer.NewestMasked,
	}, err
}

// Decline asks the service decline.
func (p portalPages) Decline(ctx context.Context, firm, token string, oneClick bool) (standalone.Visit, error) {
	nc, _, err := p.connect("portal page")
	if err != nil {
		return standalone.Visit{}, err
	}
	defer nc.Close()
	answer, err := api.NewClient(nc).Decline(ctx, firm, api.DeclineRequest{Token: token, OneClick: oneClick})
	return standalone.Visit{Result: string(answer.Result), Ended: answer.Ended}, err
}
