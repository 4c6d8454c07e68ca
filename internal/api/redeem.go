package api

import (
	"context"

	"portal-invites/internal/answer"
	"portal-invites/internal/rules"
)

// longestToken is far longer than any token of ours.
const longestToken = 512

func (s *server) redeem(ctx context.Context, firm string, r RedeemRequest) (RedeemAnswer, error) {
	switch {
	case r.Token == "":
		return RedeemAnswer{}, invalid("token: missing: it is the last part of the link in the mail")
	case len(r.Token) > longestToken:
		return RedeemAnswer{}, invalid("token: is longer than %d characters, so it is not from a link of ours", longestToken)
	}
	if r.Peek {
		redeemed, err := s.Answers.Peek(ctx, firm, r.Token)
		answer := redeemAnswer(redeemed)
		answer.Email, answer.EmailMasked = "", rules.Email{Normal: redeemed.Login}.Masked()
		return answer, err
	}
	redeemed, err := s.Answers.Redeem(ctx, firm, r.Token)
	return redeemAnswer(redeemed), err
}

func redeemAnswer(redeemed answer.Redeemed) RedeemAnswer {
	if redeemed.Result != answer.LinkOpened {
		return RedeemAnswer{Result: Redemption(redeemed.Result)}
	}
	invite := redeemed.Invite
	return RedeemAnswer{
		Result: Opened, First: redeemed.First, InviteID: &invite.ID,
		ClientID: invite.ClientID, ClientName: redeemed.ClientName,
		ContactID: invite.Person.ContactID(), Name: invite.Name, Email: redeemed.Login,
	}
}
