package pages

import (
	"portal-invites/internal/api"
)

// runsPage lists the runs of a firm.
type runsPage struct {
	*frame
	Runs    []runRow
	Filters []filter
	Next    string // the address of the next page
	First   bool   // this is the first page
	AsOf    string
}

// filter is a choice that narrows a list.
type filter struct {
	Name, Path string
	Chosen     bool
}

// runRow is a run in the list.
type runRow struct {
	api.Run
	Name, Path, Began string
	State             status
	Who               string // who has stopped it and since when, or when it starts
	Sums              []sum
}

// sum is a number of a row, with the word for it where the column's head does not stand above.
type sum struct {
	Word, Number string
	Zero         bool
}

func (s *Site) runs(f *frame) (any, error) {
	f.Title, f.Section, f.Live = f.T("runs.title"), "runs", f.URL("live")
	ctx, cancel := f.patiently()
	defer cancel()
	request := api.RunsRequest{
		State: api.RunState(f.value("state")), Kind: f.value("kind"),
		Page: api.Page{Limit: pageSize, Cursor: f.value("cursor")},
	}
	answer, err := f.client.Runs(ctx, f.Firm, request)
	if err != nil {
		return nil, err
	}
	page := runsPage{frame: f, First: request.Cursor == "", AsOf: f.Second(f.Now), Filters: f.runFilters(request)}
	for _, r := range answer.Runs {
		page.Runs = append(page.Runs, f.runRow(r))
	}
	if answer.Next != "" {
		page.Next = f.URL("runs", "state", string(request.State), "kind", request.Kind, "cursor", answer.Next)
	}
	return page, nil
}

// pageSize is how many rows a list has.
const pageSize = 50

func (f *frame) runFilters(r api.RunsRequest) (list []filter) {
	for _, state := range []api.RunState{"", api.Scheduled, api.Walking, api.Sending, api.Completed} {
		key := "runs.all"
		if state != "" {
			key = "run.state." + string(state)
		}
		list = append(list, filter{f.T(key), f.URL("runs", "state", string(state), "kind", r.Kind), r.State == state})
	}
	return list
}

func (f *frame) runRow(r api.Run) runRow {
	row := runRow{Run: r, Name: f.runName(r), Path: f.URL("runs/" + r.RunID.String()), Began: f.At(r.CreatedAt),
		State: f.runStatus(r), Who: f.runStop(r)}
	if r.State == api.Scheduled {
		row.Began = ""
	}
	for _, s := range []struct {
		word string
		n    int
	}{{"sent", r.Sent}, {"skipped", r.Skipped}, {"failed", r.Failed}, {"pending", r.Pending}, {"selected", r.Selected}} {
		row.Sums = append(row.Sums, sum{f.T(s.word), f.Num(s.n), s.n == 0})
	}
	return row
}

// runName is what a run is called. The services do not say what it has selected.
func (f *frame) runName(r api.Run) string { return f.Known("run.kind."+r.Kind, r.Kind) }

// status is a shape with a word, and the tone that repeats what they say.
type status struct{ Icon, Word, Tone string }

func (f *frame) runStatus(r api.Run) status {
	word := f.Known("run.state."+string(r.State), string(r.State))
	switch {
	case r.Cancelled != nil:
		return status{"removed", f.T("run.state.cancelled"), "warn"}
	case r.Paused != nil:
		return status{"pause", f.T("run.state.paused"), "warn"}
	case r.State == api.Completed:
		return status{"active", word, "ok"}
	}
	return status{"wait", word, "wait"}
}

// runStop says who has stopped a run and since when, or when it starts; "" for a run that goes its way.
func (f *frame) runStop(r api.Run) string {
	switch {
	case r.Cancelled != nil:
		return f.stopped("run.stop", *r.Cancelled)
	case r.Paused != nil:
		return f.stopped("run.stop", *r.Paused)
	case r.State == api.Scheduled:
		return f.T("run.starts", "when", f.At(r.StartAt))
	}
	return ""
}
