package pages

import (
	"context"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
)

// The instructions to a run, as a form names them (ADR 158).
const (
	doPause    = "pause"
	doResume   = "resume"
	doCancel   = "cancel"
	doSchedule = "schedule"
	doNow      = "now"
)

var instructionOf = map[string]events.Type{
	doPause: events.RunPauseRequested, doResume: events.RunResumeRequested, doCancel: events.RunCancelRequested,
	doSchedule: events.RunScheduleRequested, doNow: events.RunScheduleRequested,
}

// instruct publishes an instruction to a run, and leads to what the run has answered.
func (s *Site) instruct(f *frame) (any, error) {
	if !f.Who.Replays(f.Firm) {
		return nil, errMayNot
	}
	t := instructionOf[f.value("action")]
	if t == "" {
		return nil, errBadInput
	}
	run, err := f.findRun(f.request.PathValue("run")) // of this firm
	if err != nil {
		return nil, err
	}
	var data any
	in := events.Instruction{RunID: run.RunID.String(), Reason: f.text("reason"), RequestedBy: f.Who.Name}
	data = in
	if t == events.RunScheduleRequested {
		schedule := events.Schedule{Instruction: in}
		if f.value("action") == doSchedule {
			if schedule.StartAt, err = f.startOf("start"); err != nil {
				return nil, err
			}
			if schedule.StartAt == nil {
				return nil, badRequest(f.T("start.missing"))
			}
		}
		data = schedule
	}
	id, err := f.publish(t, data)
	if err != nil {
		return nil, err
	}
	f.awaitAnswer(run.RunID.String(), id)
	return seeOther(f.URL("runs/"+run.RunID.String(), "told", id)), nil
}

const (
	// answersWithin is how long a form waits until the run has obeyed. After that, the page says that it waits.
	answersWithin = 3 * time.Second
	answerEvery   = 50 * time.Millisecond
)

// awaitAnswer waits a moment until the run has answered an instruction. If it does not, the page has a link that looks
// again.
func (f *frame) awaitAnswer(run, event string) {
	ctx, cancel := context.WithTimeout(f.ctx, answersWithin)
	defer cancel()
	for {
		answer, err := f.client.Runs(ctx, f.Firm, api.RunsRequest{RunID: run})
		if err != nil || answered(answer.Runs[0], event) != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(answerEvery):
		}
	}
}

// answered is what a run has answered to an instruction from this console; nil if it has not yet.
func answered(r api.Run, event string) *api.RunInstruction {
	for i, in := range r.Instructions {
		if in.Source == source && in.ID == event {
			return &r.Instructions[i]
		}
	}
	return nil
}

// toldBanner says what a run has done about an instruction: done, or what somebody else had done before.
type toldBanner struct {
	Tone, Icon, Head, Say string
	Waits                 bool
}

func (f *frame) answerBanner(r api.Run) *toldBanner {
	event := f.value("told")
	if event == "" {
		return nil
	}
	in := answered(r, event)
	switch {
	case in == nil:
		return &toldBanner{"", "wait", f.T("told.waits"), f.T("told.waits.say"), true}
	case in.Result == api.InstructionDone:
		return &toldBanner{"is-good", "active", f.T("told.done"), f.T("told.done." + in.Action), false}
	default:
		return &toldBanner{"is-warn", "warn", f.T("told.refused"), f.firstDone(r, *in), false}
	}
}

// firstDone says in the reader's language what was done before an instruction that was refused.
func (f *frame) firstDone(r api.Run, refused api.RunInstruction) string {
	switch {
	case r.Cancelled != nil:
		return f.stopped("told.first.cancel", *r.Cancelled)
	case r.State == api.Completed:
		return f.T("told.first.completed", "when", f.At(r.CompletedAt))
	case refused.Action == doSchedule:
		return f.T("told.first.walks")
	case r.Paused != nil:
		return f.stopped("told.first.pause", *r.Paused)
	}
	for _, in := range r.Instructions {
		if in.Result == api.InstructionDone && in.Action == doResume {
			return f.T("told.first.resume", "who", in.By, "when", f.At(in.At))
		}
	}
	return f.T("told.first.none")
}

// stopped says who has stopped a run, and since when. A run that has missed its start pauses by itself.
func (f *frame) stopped(key string, stop api.RunStop) string {
	if stop.By == events.OutcomeSource {
		return f.T(key+".itself", "when", f.At(stop.At))
	}
	return f.T(key, "who", stop.By, "when", f.At(stop.At))
}
