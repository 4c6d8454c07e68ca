package pages

import (
	"portal-invites/internal/api"
)

// runPage is one run: how far it is, and why people were left out.
type runPage struct {
	*frame
	Run     api.Run
	Name    string
	State   status
	Lead    string
	Bar     bar
	AsOf    string
	Done    bool
	By      string
	Replays string // the address of the run that is decided again
}

func (s *Site) run(f *frame) (any, error) {
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.Runs(ctx, f.Firm, api.RunsRequest{RunID: f.request.PathValue("run")})
	if err != nil {
		return nil, badID(err)
	}
	r := answer.Runs[0]
	page := runPage{
		frame: f, Run: r, Name: f.runName(r), State: f.runStatus(r), Bar: f.runBar(r), Done: r.State == api.Completed,
		Lead: f.runLead(r), By: f.T("run.by", "who", r.RequestedBy, "when", f.At(r.CreatedAt)), AsOf: f.Second(f.Now),
	}
	if r.Replays != nil {
		page.Replays = f.URL("runs/" + r.Replays.String())
	}
	f.Section, f.Live, f.Watch = "runs", f.URL("live"), r.RunID.String()
	f.Title = f.T("run.title", "run", page.Name, "when", f.At(r.CreatedAt))
	f.Crumbs = []crumb{{f.T("runs.title"), f.URL("runs")}, {f.At(r.CreatedAt), ""}}
	return page, nil
}

// runLead says in a sentence how far a run is.
func (f *frame) runLead(r api.Run) string {
	settled := r.Selected - r.Pending
	switch {
	case r.Selected == 0 && r.State == api.Completed:
		return f.T("run.lead.nobody")
	case r.State == api.Completed:
		return f.T("run.lead.done", "when", f.At(r.CompletedAt), "long", f.Long(r.CompletedAt.Sub(r.CreatedAt)))
	case r.State == api.Walking:
		return f.N("run.lead.walking", r.Selected)
	default:
		return f.T("run.lead.sending", "settled", f.Num(settled), "selected", f.Num(r.Selected))
	}
}

// badID makes a page that does not exist of an id that can't be one.
func badID(err error) error {
	if refused, is := err.(*api.Error); is && refused.Code == 400 { //nolint:errorlint // the client returns it as it is
		return errNoPage
	}
	return err
}
