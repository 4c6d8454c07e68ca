package pages

import (
	"portal-invites/internal/api"
	"portal-invites/internal/rules"
)

// cancelPage asks once more before a run is cancelled: what can't be called back, and what would not be sent.
type cancelPage struct {
	*frame
	stamp
	Pause     stamp // of the other way out
	Run       api.Run
	Name, By  string
	Lead      string
	Flying    string // how many mails are on their way; "" for none
	Bar       bar
	Note      string
	Button    string
	Back      string
	MayPause  bool
	AsOf      string
	Cancelled bool
	Over      string // why there is nothing to cancel
}

func (s *Site) cancel(f *frame) (any, error) {
	if !f.Who.Replays(f.Firm) {
		return nil, errMayNot
	}
	r, err := f.findRun(f.request.PathValue("run"))
	if err != nil {
		return nil, err
	}
	page := cancelPage{
		frame: f, stamp: newStamp(), Pause: newStamp(), Run: r, Name: f.runName(r), Back: f.URL("runs/" + r.RunID.String()),
		By: f.T("run.by", "who", r.RequestedBy, "when", f.At(r.CreatedAt)), AsOf: f.Second(f.Now),
		Lead: f.N("cancel.left", r.Sent) + " " + f.N("cancel.pending", r.Pending), MayPause: r.Paused == nil,
		Button: f.N("cancel.button", r.Pending), Note: f.cancelNote(r), Bar: f.runBar(afterCancel(r)),
	}
	if r.State == api.Scheduled {
		page.Lead = f.T("cancel.scheduled")
	}
	if r.InFlight > 0 {
		page.Flying = f.N("cancel.flying", r.InFlight)
	}
	if over := f.overAlready(r); over != "" {
		page.Over = over
	}
	f.Section, f.Title = "runs", f.T("cancel.title")
	f.Crumbs = []crumb{{f.T("runs.title"), f.URL("runs")}, {f.At(r.CreatedAt), page.Back}, {f.T("cancel.crumb"), ""}}
	return page, nil
}

// overAlready says that a run can't be cancelled any more; "" if it can.
func (f *frame) overAlready(r api.Run) string {
	switch {
	case r.Cancelled != nil:
		return f.stopped("told.first.cancel", *r.Cancelled)
	case r.State == api.Completed:
		return f.T("told.first.completed", "when", f.At(r.CompletedAt))
	}
	return ""
}

// afterCancel are the sums of a run after its cancel, if no mail leaves meanwhile.
func afterCancel(r api.Run) api.Run {
	r.Skipped, r.Pending = r.Skipped+r.Pending, 0
	r.State = api.Completed
	return r
}

func (f *frame) cancelNote(r api.Run) string {
	note := f.N("cancel.note", r.Pending, "skipped", f.Num(r.Skipped+r.Pending), "already", f.Num(r.Skipped),
		"label", f.reason(rules.RunCancelled))
	if r.State == api.Walking || r.State == api.Scheduled {
		note += " " + f.T("cancel.walking")
	}
	return note
}
