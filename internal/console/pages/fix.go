package pages

import (
	"cmp"
	"slices"

	"github.com/google/uuid"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
)

// fixPage says what a replay would do, and starts it.
type fixPage struct {
	*frame
	stamp
	RunID   string // only this run; "" for everybody
	AsOf    string
	Bar     bar
	Fixed   []fixed
	Groups  []group
	Rest    string // the question that Groups answer
	Button  string
	Nothing string // why there is nobody to ask again
	TooOld  string
	Whole   string // the address of the same page about everybody
}

// fixed says which people a replay would mail now, by what stood in the way before.
type fixed struct {
	Was, Count, Who string
}

func (f *frame) replayFilter() events.Filter { return events.Filter{RunID: f.value("run")} }

func (s *Site) fix(f *frame) (any, error) {
	if !f.Who.Replays(f.Firm) {
		return nil, errMayNot
	}
	filter := f.replayFilter()
	page := fixPage{frame: f, stamp: newStamp(), RunID: filter.RunID, AsOf: f.Second(f.Now), Whole: f.URL("fix")}
	f.Section, f.Title = "fix", f.T("nav.fix")
	if filter.RunID != "" {
		run, err := f.findRun(filter.RunID)
		if err != nil {
			return nil, err
		}
		f.Crumbs = []crumb{{f.T("run.title", "run", f.runName(run), "when", f.At(run.CreatedAt)),
			f.URL("runs/" + filter.RunID)}, {f.Title, ""}}
	}
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.Explain(ctx, f.Firm, api.ExplainRequest{
		Filter: &filter, Locale: string(f.Lang), Page: api.Page{Limit: api.MaxLimit},
	})
	if err != nil {
		return nil, err
	}
	t := answer.Totals
	page.Bar = f.twoBar("fix", t.WouldSend, t.WouldSkip)
	page.Groups, page.Rest = f.explainedGroups(t, answer.Recipients), f.N("fix.rest", t.WouldSkip)
	if t.WouldSend > 0 {
		page.Button = f.N("request.invite.button", t.WouldSend)
	}
	if t.TooOld > 0 {
		page.TooOld = f.N("fix.tooold", t.TooOld)
	}
	if t.Selected == 0 {
		page.Nothing = f.Known("fix.nothing."+string(t.Nothing), string(t.Nothing))
		return page, nil
	}
	page.Fixed, err = f.whatWasFixed(filter.RunID, answer.Recipients)
	return page, err
}

// whatWasFixed puts the people who would get a mail now into groups, by what stood in the way in the run.
func (f *frame) whatWasFixed(run string, people []api.Explained) ([]fixed, error) {
	was := map[uuid.UUID]string{}
	if run != "" {
		for _, outcome := range []api.InviteOutcome{api.SkippedOutcome, api.FailedOutcome} {
			ctx, cancel := f.patiently()
			answer, err := f.client.Recipients(ctx, f.Firm, api.RecipientsRequest{
				RunID: run, Outcome: outcome, Page: api.Page{Limit: api.MaxLimit},
			})
			cancel()
			if err != nil {
				return nil, err
			}
			for _, r := range answer.Recipients {
				was[r.InviteID] = f.T(string(outcome))
				if r.Reason != "" {
					was[r.InviteID] = f.reason(r.Reason)
				}
			}
		}
	}
	names := map[string][]string{}
	for _, e := range people {
		if !e.WouldSend || e.InviteID == nil {
			continue
		}
		before := cmp.Or(was[*e.InviteID], f.T("fix.before"))
		names[before] = append(names[before], f.nameOf(e.Recipient))
	}
	var list []fixed
	for before, who := range names {
		list = append(list, fixed{before, f.Num(len(who)), f.some(who)})
	}
	slices.SortFunc(list, func(a, b fixed) int {
		return cmp.Or(cmp.Compare(len(names[b.Was]), len(names[a.Was])), cmp.Compare(a.Was, b.Was))
	})
	return list, nil
}

// some names the first three, and counts the others.
func (f *frame) some(names []string) string {
	list, comma := "", ""
	for i, name := range names {
		if i == 3 {
			return f.T("andmore", "names", list, "n", f.Num(len(names)-3))
		}
		list += comma + name
		comma = ", "
	}
	return list
}

// replay publishes a replay.
func (s *Site) replay(f *frame) (any, error) {
	if !f.Who.Replays(f.Firm) {
		return nil, errMayNot
	}
	filter := f.replayFilter()
	if filter.RunID != "" {
		if _, err := f.findRun(filter.RunID); err != nil { // of this firm
			return nil, err
		}
	}
	id, err := f.publish(events.ReplayRequested, events.ReplayRequest{Filter: filter, RequestedBy: f.Who.Name})
	if err != nil {
		return nil, err
	}
	return seeOther(f.URL("done", "event", id)), nil
}
