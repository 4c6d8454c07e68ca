package pages

import (
	"cmp"
	"net"
	"strconv"

	"portal-invites/internal/api"
)

// sendersPage says by which addresses mails leave, and how each of them is.
type sendersPage struct {
	*frame
	Rows     []senderRow
	FirmRate string
	AsOf     string
}

// senderRow is a sender.
type senderRow struct {
	Name, From, Server, Signed, Rate string
	State                            status
	Say, Said                        string
	Sums                             []sum
}

func (s *Site) senders(f *frame) (any, error) {
	if !f.Who.Ops {
		return nil, errNoPage
	}
	if err := f.connect(api.AllFirms); err != nil {
		return nil, err
	}
	f.Section, f.Title = "senders", f.T("nav.senders")
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.Senders(ctx, api.EveryFirm, api.SendersRequest{})
	if err != nil {
		return nil, err
	}
	page := sendersPage{frame: f, AsOf: f.Second(f.Now), FirmRate: f.T("senders.firmrate.none")}
	if answer.FirmRate > 0 {
		page.FirmRate = f.N("senders.firmrate", answer.FirmRate)
	}
	for _, one := range answer.Senders {
		page.Rows = append(page.Rows, f.senderRow(one))
	}
	return page, nil
}

func (f *frame) senderRow(one api.SenderNow) senderRow {
	row := senderRow{Name: cmp.Or(one.Sender, f.T("senders.default")), From: one.From}
	if one.Configured {
		row.Signed = f.T("senders.unsigned")
	}
	if one.Host != "" {
		row.Server = net.JoinHostPort(one.Host, strconv.Itoa(one.Port))
	}
	if one.DKIMRecord != "" {
		row.Signed = one.DKIMRecord
	}
	if one.Rate > 0 {
		row.Rate = f.T("senders.rate", "n", f.Num(int(one.Rate*secondsOfHour+0.5)))
	}
	row.State, row.Say = f.senderState(one)
	if last := one.LastAttempt; last != nil {
		row.Said = last.Said
	}
	for _, s := range []struct {
		word string
		n    int
	}{
		{"senders.firms", one.Firms}, {"all.col.queued", one.Queued}, {"all.col.retrying", one.Retrying},
		{"senders.mails", one.Mails}, {"senders.bounces", one.Bounces}, {"all.col.complaints", one.Complaints},
	} {
		row.Sums = append(row.Sums, sum{f.T(s.word), f.Num(s.n), s.n == 0})
	}
	return row
}

const secondsOfHour = 3600

// senderState says whether somebody has to look at a sender, and why.
func (f *frame) senderState(one api.SenderNow) (state status, say string) {
	switch {
	case !one.Configured:
		return status{"bounced", f.T("all.bad"), "bad"}, f.N("senders.unknown", one.Firms)
	case one.Complaints > 0:
		return status{"bounced", f.T("all.bad"), "bad"}, f.N("wrong.complaints", one.Complaints)
	case one.Retrying > 0:
		return status{"warn", f.T("all.watch"), "warn"}, f.N("wrong.retrying", one.Retrying)
	case one.Bounces > 0:
		return status{"warn", f.T("all.watch"), "warn"}, f.N("senders.bounced", one.Bounces)
	}
	return status{"active", f.T("all.fine"), "ok"}, f.T("wrong.nothing")
}
