package ctl

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/rules"
)

// AwaitReceipt asks what became of an event until it is done, for at most patience. It returns the newest answer.
func AwaitReceipt(
	ctx context.Context, client api.Client, firm string, r api.ReceiptRequest, patience time.Duration,
) (answer api.ReceiptAnswer, err error) {
	const margin = 5 * time.Second // between the worker's wait and ours
	until := time.Now().Add(patience)
	for {
		wait := min(max(time.Until(until), 0), api.LongestPoll)
		r.Wait = wait.Truncate(time.Millisecond).String()
		asking, cancel := context.WithTimeout(ctx, wait+margin)
		answer, err = client.Receipt(asking, firm, r)
		cancel()
		if err != nil || answer.Done || !time.Now().Before(until) {
			return answer, err
		}
	}
}

// ReceiptError is how a command ends that has printed a receipt: an error if somebody was not sent a mail, and
// [app.ErrWaits] if something goes on.
func ReceiptError(a api.ReceiptAnswer) error {
	failed := a.State == api.EventDeadLetter || a.Run != nil && a.Run.Skipped+a.Run.Failed > 0
	for _, r := range a.Recipients {
		failed = failed || r.Outcome == api.SkippedOutcome || r.Outcome == api.FailedOutcome
	}
	switch {
	case failed:
		return app.ErrReported
	case !a.Done:
		return app.ErrWaits
	}
	return nil
}

// PrintReceipt says what became of an event.
func PrintReceipt(w io.Writer, firm string, a api.ReceiptAnswer) {
	switch a.State {
	case api.EventUnknown:
		say(w, "", "No worker has seen this event. If it is a fact that was applied, its sequence finds it.")
	case api.EventStored:
		say(w, "", "The stream has the event (sequence %d), and no worker has handled it yet. Is a worker running?",
			a.Sequence)
	case api.EventWaits:
		say(w, "", "The request waits for a fact of firm %s that came before it and is not applied yet: %s, sequence %d, "+
			"of %s.", firm, a.WaitsFor.Type, a.WaitsFor.Sequence, shown(a.WaitsFor.StoredAt))
	case api.EventDeadLetter:
		say(w, "", "The event could not be handled: %s", a.Letter.Reason)
		say(w, "  ", "→ Correct it and publish it under another id. See invitectl dead-letters show --firm %s %s.",
			firm, a.Letter.ID)
	case api.EventApplied:
		say(w, "", "The fact is applied.")
	case api.EventOlder:
		say(w, "", "The fact changes nothing any more: something newer is known.")
	case api.EventDecided:
		printRunReceipt(w, firm, a.Run)
		for _, r := range a.Recipients {
			printRecipient(w, r)
		}
	}
}

func printRunReceipt(w io.Writer, firm string, run *api.ReceiptRun) {
	if run == nil {
		return
	}
	say(w, "", "Run %s is %s: selected %d = sent %d + skipped %d + failed %d + pending %d.", run.RunID, run.State,
		run.Selected, run.Sent, run.Skipped, run.Failed, run.Pending)
	if run.Skipped+run.Failed > 0 {
		say(w, "  ", "→ invitectl runs --firm %s %s says why.", firm, run.RunID)
	}
}

// printRecipient says in a line what became of a recipient, and below why and what to do.
func printRecipient(w io.Writer, r api.RunRecipient) {
	say(w, "", "%s: %s", personOn(r.Recipient, r.ClientID, r.ClientName), r.Outcome)
	for _, reason := range r.Reasons {
		say(w, "  ", "%s", reason.Explanation)
		say(w, "    ", "→ %s", reason.Remedy)
	}
	if f := r.Failure; f != nil {
		say(w, "  ", "%s", cmp.Or(f.Explanation, "The mail server did not take the mail yet ("+smtpReply(f)+")."))
		if f.Remedy != "" {
			say(w, "    ", "→ %s", f.Remedy)
		}
	}
	if why := pendingBecause(r); why != "" {
		say(w, "  ", "%s", why)
	}
}

// pendingBecause says what the mail of a recipient waits for.
func pendingBecause(r api.RunRecipient) string {
	switch {
	case r.Outcome != api.PendingOutcome:
		return ""
	case r.Held:
		return "The mail may or may not have arrived, so somebody must decide. See invitectl held."
	case r.Postponed == rules.OutsideHours:
		return fmt.Sprintf("The mail waits for the hours in which the firm sends, until %s.", shown(r.PostponedUntil))
	case r.Postponed != "":
		return fmt.Sprintf("The mail waits (%s) since %s.", r.Postponed, shown(r.DecidedAt))
	case !r.NextAttempt.IsZero():
		return fmt.Sprintf("The mail waits since %s. The next attempt is due at %s.",
			shown(r.DecidedAt), shown(r.NextAttempt))
	default:
		return "The mail is on its way."
	}
}
