package app

import (
	"cmp"
	"context"

	"portal-invites/internal/api"
	"portal-invites/internal/standalone"
)

// portal asks the service redeem for the page that acts as a firm's portal. The back end of a real portal does the
// same.
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
