package answer

import (
	"context"

	"portal-invites/internal/rules"
)

// RateOf returns how many mails a firm may send in an hour, and what it has sent. most is 0 if that is not limited.
func (a *Answers) RateOf(ctx context.Context, firm string) (most int, rate rules.FirmRate, err error) {
	own, err := a.store().LimitsOf(ctx, firm)
	if err != nil {
		return 0, rate, err
	}
	if most = a.Ledger.Policy.LimitsOf(&rules.Firm{Limits: own}).MailsHour; most == 0 {
		return 0, rate, nil
	}
	count, err := a.store().RateOf(ctx, firm)
	return most, count.Rate, err
}
