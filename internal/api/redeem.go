package api

import (
	"context"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"portal-invites/internal/address"
	"portal-invites/internal/answer"
	"portal-invites/internal/rules"
)

// longestToken is far longer than any token of ours.
const longestToken = 512

const (
	// linkEvery is how often one link may be opened or looked at, after a burst of linkBurst. Mail programs and scanners
	// open a link several times. All tokens of a firm that belong to no link share one allowance.
	linkEvery = time.Second
	linkBurst = 20
)

// admitLink refuses calls about a link that is opened again and again. Anybody who has the link can do that, by the
// portal's public page, and must not use up what the firm may call.
func (s *server) admitLink(c *call) error {
	if len(c.body) > longestRedeem {
		return invalid("body: is longer than %d octets", longestRedeem)
	}
	var request struct{ Token string }
	if err := json.Unmarshal(c.body, &request); err != nil {
		return nil //nolint:nilerr // the answer says what is wrong
	}
	wait := s.links.take(c.firm+"/"+s.Answers.LinkID(request.Token), c.taken)
	if wait > 0 {
		return tooMany("token: this link was opened too often just now; ask again in %s", roundUp(wait))
	}
	return nil
}

// longestRedeem is how many octets a call has at most.
const longestRedeem = 8 * longestToken

func checkToken(token string) error {
	switch {
	case token == "":
		return invalid("token: missing: it is the last part of the link in the mail")
	case len(token) > longestToken:
		return invalid("token: is longer than %d characters, so it is not from a link of ours", longestToken)
	}
	return nil
}

func (s *server) decline(ctx context.Context, firm string, r DeclineRequest) (DeclineAnswer, error) {
	if err := checkToken(r.Token); err != nil {
		return DeclineAnswer{}, err
	}
	declining, err := s.Answers.Decline(ctx, firm, r.Token, r.OneClick)
	if !declining.Known {
		return DeclineAnswer{Result: DeclineInvalid}, err
	}
	return DeclineAnswer{Result: HasDeclined, Ended: declining.Ended}, err
}

func (s *server) redeem(ctx context.Context, firm string, r RedeemRequest) (RedeemAnswer, error) {
	if err := checkToken(r.Token); err != nil {
		return RedeemAnswer{}, err
	}
	as, err := r.As.loggedIn()
	if err != nil {
		return RedeemAnswer{}, err
	}
	if r.Peek {
		redeemed, err := s.Answers.PeekAs(ctx, firm, r.Token, as)
		answer := redeemAnswer(redeemed)
		if answer.Result == Opened {
			answer.Email, answer.EmailMasked = "", rules.Email{Normal: redeemed.Login}.Masked()
		}
		return answer, err
	}
	redeemed, err := s.Answers.RedeemAs(ctx, firm, r.Token, as)
	return redeemAnswer(redeemed), err
}

// loggedIn checks who is logged in.
func (a *LoggedIn) loggedIn() (answer.LoggedIn, error) {
	switch {
	case a == nil:
		return answer.LoggedIn{}, nil
	case a.ContactID == "" && a.Email == "":
		return answer.LoggedIn{}, invalid("as.contact_id: missing (or email); leave out as if nobody is logged in")
	case a.ContactID != "" && a.Email != "":
		return answer.LoggedIn{}, invalid("as.email: can't be combined with contact_id: one of them says who is logged in")
	case a.Email != "" && address.Parse(a.Email).Normal == "":
		return answer.LoggedIn{}, invalid("as.email: must be an email address")
	}
	return answer.LoggedIn(*a), nil
}

func redeemAnswer(redeemed answer.Redeemed) RedeemAnswer {
	switch redeemed.Result {
	case answer.LinkOpened:
	case answer.LinkOfOther:
		return RedeemAnswer{
			Result: OtherPerson,
			IsFor:  masked(redeemed.Invite.Name, rules.Email{Normal: redeemed.Login}),
			As:     masked(redeemed.As.Name, redeemed.As.Email),
		}
	case answer.LinkExpired, answer.LinkReplaced, answer.LinkSuspended, answer.LinkRemoved, answer.LinkInvalid:
		return RedeemAnswer{
			Result:       Redemption(redeemed.Result),
			NewestSentAt: utc(redeemed.Newest.SentAt), NewestMasked: redeemed.Newest.Email.Masked(),
		}
	}
	invite := redeemed.Invite
	return RedeemAnswer{
		Result: Opened, First: redeemed.First, InviteID: &invite.ID,
		ClientID: invite.ClientID, ClientName: redeemed.ClientName,
		ContactID: invite.Person.ContactID(), Name: invite.Name, Email: redeemed.Login,
	}
}

// masked is a person who may be told to another one: the first letter of the name, and the masked email.
func masked(name string, email rules.Email) *Person {
	person := &Person{EmailMasked: email.Masked()}
	if first, _ := utf8.DecodeRuneInString(strings.TrimSpace(name)); first != utf8.RuneError {
		person.Name = string(first) + "•••"
	}
	return person
}
