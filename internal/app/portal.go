package app

import (
	"cmp"
	"context"

	"portal-invites/internal/api"
	"portal-invites/internal/standalone"
)

// portal answers the page that stands for a firm's portal, as a portal's own back end would: it asks the service redeem.
func (s Standalone) portal(ctx context.Context, firm, token string, peek bool) (standalone.Visit, error) {
	nc, _, err := s.Connect("portal page")
	if err != nil {
		return standalone.Visit{}, err
	}
	defer nc.Close()
	answer, err := api.NewClient(nc).Redeem(ctx, firm, api.RedeemRequest{Token: token, Peek: peek})
	return standalone.Visit{
		Result: string(answer.Result), Client: answer.ClientName, Name: answer.Name,
		Email: cmp.Or(answer.Email, answer.EmailMasked), First: answer.First,
	}, err
}
