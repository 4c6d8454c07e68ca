package ledger

import (
	"context"
	"time"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// mailsHour is how many mails a firm may send in an hour; 0: as many as it likes.
func (t *Tx) mailsHour(firm string) int {
	return t.ledger.Policy.LimitsOf(t.Book.Firms[firm]).MailsHour
}

// isLate says whether a mail must not leave yet, because its firm has sent as many as it may (ADR 153). Then claims
// pass over the firm until its time comes.
func (t *Tx) isLate(i store.Invite) bool {
	most := t.mailsHour(i.FirmID)
	if most == 0 || t.counts.names == nil {
		return false
	}
	isBulk := i.Lane == store.BulkLane
	free := t.Book.Rates[i.FirmID].FreeAt(isBulk, most, t.Now)
	if free.IsZero() {
		return false
	}
	row := t.counts.Rates[i.FirmID]
	known := row.IndividualAt
	if isBulk {
		known = row.BulkAt
	}
	if !known.After(t.Now) { // the rate was lowered, or claims do not know yet
		t.counts.sending[i.FirmID] = true
	}
	return true
}

// countRate counts a mail that leaves against its firm's rate.
func (t *Tx) countRate(i store.Invite) {
	most := t.mailsHour(i.FirmID)
	if most == 0 {
		return
	}
	if t.Book.Rates[i.FirmID] == nil {
		t.Book.Rates[i.FirmID] = &rules.FirmRate{}
	}
	t.Book.Rates[i.FirmID].Add(i.Lane == store.BulkLane, most, t.Now)
	t.counts.sending[i.FirmID] = true
}

// saveRates writes the rates that have changed, with the times at which claims may look at the firms again.
func (t *Tx) saveRates(ctx context.Context) error {
	var rates []store.RateCount
	for firm := range t.counts.sending {
		rate := t.Book.Rates[firm]
		if rate == nil {
			continue
		}
		row := store.RateCount{FirmID: firm, Version: t.counts.Rates[firm].Version, Rate: *rate}
		row.IndividualAt, row.BulkAt = t.freeAt(firm, false), t.freeAt(firm, true)
		rates = append(rates, row)
		row.Version++
		t.counts.Rates[firm] = row
	}
	clear(t.counts.sending)
	return t.SaveRates(ctx, rates)
}

// freeAt is when the next mail of a firm may leave; now, if it may leave now.
func (t *Tx) freeAt(firm string, isBulk bool) time.Time {
	if at := t.Book.Rates[firm].FreeAt(isBulk, t.mailsHour(firm), t.Now); !at.IsZero() {
		return at
	}
	return t.Now
}
