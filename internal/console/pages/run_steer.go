package pages

import (
	"portal-invites/internal/api"
	"portal-invites/internal/rules"
)

// steer adds what a person can tell the run, and what stops it.
func (p *runPage) steer(r api.Run) error {
	p.Told = p.answerBanner(r)
	if stop := stopOf(r); stop != nil {
		p.Because = stop.Reason
	}
	if r.State == api.Completed || r.Cancelled != nil {
		return nil
	}
	if err := p.waits(r); err != nil || !p.Who.Replays(p.Firm) {
		return err
	}
	if r.Paused != nil {
		p.Do = append(p.Do, runButton{newStamp(), doResume, p.N("run.resume", r.Pending), true})
	} else {
		p.Do = append(p.Do, runButton{newStamp(), doPause, p.T("run.pause"), false})
	}
	p.Cancel = p.URL("runs/" + r.RunID.String() + "/cancel")
	if r.State == api.Scheduled {
		p.Start = &startForm{newStamp(), newStamp(), r.StartAt.In(p.Zone).Format(fieldTime), p.zoneName()}
	}
	return nil
}

// stopOf is what has stopped a run last; nil if nothing has.
func stopOf(r api.Run) *api.RunStop {
	if r.Cancelled != nil {
		return r.Cancelled
	}
	return r.Paused
}

// waits says why the mails of the firm wait, as far as it holds this run up.
func (p *runPage) waits(r api.Run) error {
	if r.Pending == 0 {
		return nil
	}
	ctx, cancel := p.patiently()
	defer cancel()
	queue, err := p.client.Queue(ctx, p.Firm, api.QueueRequest{})
	if err != nil {
		return err
	}
	p.Waits = p.postponed(queue)
	return nil
}

// postponed says in a sentence why the mails of a firm wait, and until when, if that is known.
func (f *frame) postponed(q api.QueueAnswer) string {
	switch {
	case q.Pause != nil && q.Pause.By == "":
		return f.T("wait.itself", "when", f.At(q.Pause.Since), "why", q.Pause.Reason)
	case q.Pause != nil:
		return f.T("wait.paused", "who", q.Pause.By, "when", f.At(q.Pause.Since), "why", q.Pause.Reason)
	case q.Postponed == rules.SenderUnknown:
		return f.T("wait.sender", "sender", q.Sender)
	}
	for _, lane := range q.Lanes {
		if lane.Postponed == rules.OutsideHours {
			return f.T("wait.hours", "when", f.At(lane.PostponedUntil))
		}
	}
	return ""
}

// cancelledLead says who has cancelled a run, and what became of those who had not been sent their mail.
func (f *frame) cancelledLead(r api.Run) string {
	lead := f.stopped("run.lead.cancelled", *r.Cancelled) + " " + f.N("run.lead.unsent", r.ByReason[rules.RunCancelled])
	if r.NotReached > 0 {
		lead += " " + f.N("run.lead.unreached", r.NotReached)
	}
	if r.State != api.Completed && r.InFlight > 0 {
		lead += " " + f.N("run.lead.flying", r.InFlight)
	}
	return lead
}

// zoneName is the firm's time zone as pages name it.
func (f *frame) zoneName() string {
	if f.HasZone() {
		return f.ZoneCity()
	}
	return "UTC"
}
