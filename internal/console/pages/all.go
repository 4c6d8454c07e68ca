package pages

import (
	"cmp"
	"slices"
	"time"

	"portal-invites/internal/api"
)

// allPage says how all firms are: sums, the firms with the most trouble, and the firms that are paused.
type allPage struct {
	*frame
	Tiles  []tile
	Head   string
	Rows   []firmRow
	Others *firmRow // the firms that are not listed, added up
	Total  firmRow
	Paused []pausedRow
	AsOf   string
	MayDo  bool
}

// tile is a figure with what it means.
type tile struct {
	Word, Figure, Say string
	State             status
}

// firmRow is what an operator looks at of a firm.
type firmRow struct {
	Name, Path, Wrong, Oldest string
	State                     status
	Sums                      []linkedSum
}

// linkedSum is a number that leads to what it counts.
type linkedSum struct {
	sum
	Path string
}

// pausedRow is a firm whose mails wait.
type pausedRow struct {
	FirmID, Name, Path, Since, By, Why string
}

// mostFirms is how many firms the page lists.
const mostFirms = 10

func (s *Site) allFirms(f *frame) (any, error) {
	if !f.Who.Ops {
		return nil, errNoPage
	}
	if err := f.connect(api.AllFirms); err != nil {
		return nil, err
	}
	f.Section, f.Title = "all", f.T("nav.all")
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.Trouble(ctx, api.EveryFirm, api.TroubleRequest{Limit: api.MaxLimit})
	if err != nil {
		return nil, err
	}
	pauses, err := f.client.Pauses(ctx, api.AllFirms, api.PausesRequest{Page: api.Page{Limit: api.MaxLimit}})
	if err != nil {
		return nil, err
	}
	byFirm := map[string]api.Pause{}
	names := map[string]string{}
	for _, one := range answer.Firms {
		names[one.FirmID] = one.Name
	}
	page := allPage{frame: f, AsOf: f.Second(f.Now), MayDo: f.Who.Operates()}
	for _, one := range pauses.Firms {
		byFirm[one.FirmID] = one
		page.Paused = append(page.Paused, pausedRow{
			one.FirmID, cmp.Or(names[one.FirmID], one.FirmID), "/f/" + one.FirmID + "/runs", f.At(one.Since),
			cmp.Or(one.By, f.T("pause.itself")), one.Reason,
		})
	}
	firms := answer.Firms
	slices.SortStableFunc(firms, worse)
	troubled := 0
	var total, others api.FirmNow
	for i, one := range firms {
		total = added(total, one)
		if one.Trouble > 0 || one.Paused {
			troubled++
		}
		if i < mostFirms {
			page.Rows = append(page.Rows, f.firmRow(one, byFirm[one.FirmID]))
		} else {
			others = added(others, one)
		}
	}
	page.Head, page.Total = f.N("all.top", troubled), f.firmSums(f.N("all.total", len(firms)), total)
	if n := len(firms) - mostFirms; n > 0 {
		row := f.firmSums(f.N("all.others", n), others)
		row.State = f.firmState(others)
		page.Others = &row
	}
	page.Tiles = f.tiles(total, len(page.Paused))
	return page, nil
}

// worse orders firms: the paused ones, those whose readers complained, those with the most trouble, and those whose
// mails wait longest.
func worse(a, b api.FirmNow) int {
	first := func(a, b bool) int {
		switch {
		case a == b:
			return 0
		case a:
			return -1
		default:
			return 1
		}
	}
	return cmp.Or(first(a.Paused, b.Paused), cmp.Compare(b.Complaints, a.Complaints), cmp.Compare(b.Trouble, a.Trouble),
		first(!a.OldestAt.IsZero(), !b.OldestAt.IsZero()), a.OldestAt.Compare(b.OldestAt))
}

// added adds what is known of a firm to a sum.
func added(to, one api.FirmNow) api.FirmNow {
	to.Queued, to.Sending, to.Retrying, to.Held = to.Queued+one.Queued, to.Sending+one.Sending, to.Retrying+one.Retrying,
		to.Held+one.Held
	to.DeadLetters, to.Failed, to.Complaints = to.DeadLetters+one.DeadLetters, to.Failed+one.Failed,
		to.Complaints+one.Complaints
	to.Trouble, to.Paused = to.Trouble+one.Trouble, to.Paused || one.Paused
	if !one.OldestAt.IsZero() && (to.OldestAt.IsZero() || one.OldestAt.Before(to.OldestAt)) {
		to.OldestAt = one.OldestAt
	}
	return to
}

func (f *frame) firmRow(one api.FirmNow, pause api.Pause) firmRow {
	row := f.firmSums(cmp.Or(one.Name, one.FirmID), one)
	row.State, row.Wrong = f.firmState(one), f.whatIsWrong(one, pause)
	row.Path = "/f/" + one.FirmID + "/runs"
	if one.FirmID == api.AllFirms { // dead letters whose firm is not known
		row.Name, row.Path = f.T("all.unknown"), "/f/_/letters"
		row.Sums[4].Path = row.Path
		return row
	}
	for i, page := range []string{"", "", "", "", "letters", "held"} {
		if page != "" && !row.Sums[i].Zero {
			row.Sums[i].Path = "/f/" + one.FirmID + "/" + page
		}
	}
	return row
}

// firmSums are the columns of a firm, or of several.
func (f *frame) firmSums(name string, one api.FirmNow) firmRow {
	row := firmRow{Name: name}
	if !one.OldestAt.IsZero() {
		row.Oldest = f.Since(one.OldestAt)
	}
	for _, s := range []struct {
		word string
		n    int
	}{
		{"queued", one.Queued}, {"retrying", one.Retrying}, {"failed", one.Failed}, {"complaints", one.Complaints},
		{"letters", one.DeadLetters}, {"held", one.Held},
	} {
		row.Sums = append(row.Sums, linkedSum{sum: sum{f.T("all.col." + s.word), f.Num(s.n), s.n == 0}})
	}
	return row
}

func (f *frame) firmState(one api.FirmNow) status {
	switch {
	case one.Paused:
		return status{"pause", f.T("run.state.paused"), "bad"}
	case one.Complaints > 0:
		return status{"bounced", f.T("all.bad"), "bad"}
	case one.Trouble > 0:
		return status{"warn", f.T("all.watch"), "warn"}
	}
	return status{"active", f.T("all.fine"), "ok"}
}

// whatIsWrong says the worst thing first, in one sentence.
func (f *frame) whatIsWrong(one api.FirmNow, pause api.Pause) string {
	switch {
	case pause.FirmID != "" && pause.By == "":
		return f.T("wrong.paused.itself", "why", pause.Reason)
	case pause.FirmID != "":
		return f.T("wrong.paused", "who", pause.By, "why", pause.Reason)
	case one.Complaints > 0:
		return f.N("wrong.complaints", one.Complaints)
	case one.Held > 0:
		return f.N("wrong.held", one.Held)
	case one.DeadLetters > 0:
		return f.N("wrong.letters", one.DeadLetters)
	case one.Retrying > 0:
		return f.N("wrong.retrying", one.Retrying)
	case one.Failed > 0:
		return f.N("wrong.failed", one.Failed)
	}
	return f.T("wrong.nothing")
}

// longWait is how long a mail may wait before somebody looks why. A run may take that long, and the mail server's rate.
const longWait = 30 * time.Minute

func (f *frame) tiles(total api.FirmNow, paused int) []tile {
	waits := tile{f.T("all.waits"), f.Num(total.Queued + total.Sending), "", f.toneOf(0, "warn")}
	if !total.OldestAt.IsZero() {
		waits.Say = f.T("all.oldest", "long", f.Since(total.OldestAt))
		if f.Now.Sub(total.OldestAt) > longWait {
			waits.State = f.toneOf(1, "warn")
		}
	}
	list := []tile{waits}
	for _, one := range []struct {
		word, tone string
		n          int
	}{
		{"retrying", "warn", total.Retrying}, {"failed", "warn", total.Failed}, {"complaints", "bad", total.Complaints},
		{"letters", "warn", total.DeadLetters}, {"held", "warn", total.Held}, {"paused", "bad", paused},
	} {
		list = append(list, tile{f.T("all." + one.word), f.Num(one.n), f.T("all." + one.word + ".say"),
			f.toneOf(one.n, one.tone)})
	}
	return list
}

// toneOf is fine if there is none, and otherwise says whether it is trouble.
func (f *frame) toneOf(n int, tone string) status {
	switch {
	case n == 0:
		return status{"active", f.T("all.fine"), "ok"}
	case tone == "bad":
		return status{"bounced", f.T("all.bad"), "bad"}
	}
	return status{"warn", f.T("all.watch"), "warn"}
}

// pauseFirm pauses a firm, or lets its mails leave again.
func (s *Site) pauseFirm(f *frame) (any, error) {
	if !f.Who.Operates() {
		return nil, errMayNot
	}
	if err := f.connect(api.AllFirms); err != nil {
		return nil, err
	}
	ctx, cancel := f.patiently()
	defer cancel()
	_, err := f.client.Pauses(ctx, api.AllFirms, api.PausesRequest{
		Action: f.value("action"), FirmID: f.value("firm"), Reason: f.text("reason"), By: f.Who.Name,
	})
	if err != nil {
		return nil, err
	}
	return seeOther("/ops"), nil
}
