package pages

import (
	"portal-invites/internal/api"
)

// runPage is one run: how far it is, and why people were left out.
type runPage struct {
	*frame
	Run      api.Run
	Name     string
	State    status
	Lead     string
	Bar      bar
	AsOf     string
	By       string
	Replays  string // the address of the run that is decided again
	Why      string // the question that Groups answer; "" if nobody was skipped
	Fixable  string
	Groups   []group
	FailHead string
	Failed   []personRow
	AllFail  string
	CSV, Fix string

	Address string      // of this page, without a query
	Told    *toldBanner // what the run has done about what was just asked
	Waits   string      // why the firm's mails wait, if this run's do
	Because string      // the reason of who has stopped the run
	Do      []runButton
	Cancel  string // the address of the page that asks once more
	Start   *startForm
}

// runButton is an instruction that a person can give. Each carries an event of its own.
type runButton struct {
	stamp
	Action, Word string
	Main         bool
}

// startForm changes when a run begins.
type startForm struct {
	stamp
	Now  stamp
	At   string // as the field has it
	City string
}

func (f *frame) findRun(id string) (api.Run, error) {
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.Runs(ctx, f.Firm, api.RunsRequest{RunID: id})
	if err != nil {
		return api.Run{}, badID(err)
	}
	return answer.Runs[0], nil
}

func (s *Site) run(f *frame) (any, error) {
	r, err := f.findRun(f.request.PathValue("run"))
	if err != nil {
		return nil, err
	}
	path := "runs/" + r.RunID.String()
	page := runPage{
		frame: f, Run: r, Name: f.runName(r), State: f.runStatus(r), Bar: f.runBar(r),
		Lead: f.runLead(r), By: f.T("run.by", "who", r.RequestedBy, "when", f.At(r.CreatedAt)), AsOf: f.Second(f.Now),
		Address: f.URL(path), CSV: f.URL(path+"/people.csv", "outcome", "skipped"),
		AllFail: f.URL(path+"/people", "outcome", "failed"),
	}
	if r.Replays != nil {
		page.Replays = f.URL("runs/" + r.Replays.String())
	}
	if err := page.explain(r); err != nil {
		return nil, err
	}
	if err := page.steer(r); err != nil {
		return nil, err
	}
	f.Section, f.Live, f.Watch = "runs", f.URL("live"), r.RunID.String()
	f.Title = f.T("run.title", "run", page.Name, "when", f.At(r.CreatedAt))
	f.Crumbs = []crumb{{f.T("runs.title"), f.URL("runs")}, {f.At(r.CreatedAt), ""}}
	return page, nil
}

// explain adds who was left out, and why.
func (p *runPage) explain(r api.Run) (err error) {
	fixable := 0
	for _, n := range r.Fixable {
		fixable += n
	}
	if r.Skipped > 0 {
		p.Why, p.Fixable = p.N("run.why", r.Skipped), p.N("run.fixable", fixable, "all", p.Num(r.Skipped))
		if p.Groups, err = p.groupsOf(r); err != nil {
			return err
		}
		// While there is work to do, the first reason is open.
		p.Groups[0].Open = r.Fixable[reasonsInOrder(r.ByReason, r.Fixable)[0]] > 0
	}
	if fixable+r.Failed > 0 && p.Who.Replays(p.Firm) {
		p.Fix = p.URL("fix", "run", r.RunID.String())
	}
	if r.Failed == 0 {
		return nil
	}
	ctx, cancel := p.patiently()
	defer cancel()
	answer, err := p.client.Recipients(ctx, p.Firm, api.RecipientsRequest{
		RunID: r.RunID.String(), Outcome: api.FailedOutcome, Locale: string(p.Lang), Page: api.Page{Limit: atMost},
	})
	p.FailHead = p.N("run.failed", r.Failed)
	for _, one := range answer.Recipients {
		p.Failed = append(p.Failed, p.recipientRow(one))
	}
	if answer.Next == "" {
		p.AllFail = ""
	}
	return err
}

// runLead says in a sentence how far a run is.
func (f *frame) runLead(r api.Run) string {
	settled := r.Selected - r.Pending
	switch {
	case r.Cancelled != nil:
		return f.cancelledLead(r)
	case r.Paused != nil:
		return f.stopped("run.lead.paused", *r.Paused) + " " + f.N("run.lead.waits", r.Pending)
	case r.State == api.Scheduled:
		return f.T("run.lead.scheduled", "when", f.At(r.StartAt))
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
