package api

import (
	"context"

	"portal-invites/internal/pipeline"
)

// longestToken is far more than any key makes.
const longestToken = 512

func (s *server) redeem(ctx context.Context, firm string, r RedeemRequest) (RedeemAnswer, error) {
	switch {
	case r.Token == "":
		return RedeemAnswer{}, invalid("token: missing")
	case len(r.Token) > longestToken:
		return RedeemAnswer{}, invalid("token: is longer than %d characters", longestToken)
	}
	redeemed, err := s.Worker.Redeem(ctx, firm, r.Token)
	if err != nil {
		return RedeemAnswer{}, err
	}
	if redeemed.Result != pipeline.LinkOpened {
		return RedeemAnswer{Result: Redemption(redeemed.Result)}, nil
	}
	invite := redeemed.Invite
	return RedeemAnswer{
		Result: Opened, First: redeemed.First, InviteID: &invite.ID,
		ClientID: invite.ClientID, ClientName: redeemed.ClientName,
		ContactID: invite.Person.ContactID(), Name: invite.Name, Email: redeemed.Login,
	}, nil
}
