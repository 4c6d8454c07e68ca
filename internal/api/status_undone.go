package api

import (
	"slices"
	"time"

	"portal-invites/internal/rules"
)

// These functions say why the newest invite did not go out, what has become of that since, and what is left to do (ADR
// 132). A remedy that was done is not said again.

// saySkip gives the reasons of a skip.
func (w *words) saySkip(last *LastInvite) {
	was := w.worthSaying(last.Reasons)
	for n, reason := range was {
		if n == 0 {
			w.sayWhyOn("skipped", last.DecidedAt, reason.Explanation)
		} else {
			w.sayWhy("besides", reason.Explanation)
		}
		if last.Now != nil && !has(last.Now.Reasons, reason.Code) {
			w.say("put_right")
		}
	}
	switch {
	case len(was) == 0: // the state says it all
	case last.Now == nil:
		w.remediesOf(was)
	default:
		w.sayNow(last, last.Reasons)
	}
}

// saySkippedFirst says why the newest invite was skipped before it was decided again. Once the person has logged in,
// that no longer matters.
func (w *words) saySkippedFirst(last *LastInvite) {
	if len(last.Skipped) == 0 || w.status.State == Active {
		return
	}
	w.sayWhy("skipped_first", last.Skipped[0].Explanation)
	w.say("put_right")
}

// sayFailure says why the mail could not be delivered. What the rules say now tells whether that is put right only if
// the mailbox does not exist, because then the address is suppressed.
func (w *words) sayFailure(last *LastInvite) {
	if w.cameBack() {
		w.sentences = append(w.sentences, w.failed(last.Failure))
	} else {
		w.sayWhyOn("failed", last.DecidedAt, w.failed(last.Failure))
	}
	switch {
	case last.Now == nil:
		w.remedies = append(w.remedies, last.Failure.remedies()...)
	case w.noMailbox && !has(last.Now.Reasons, rules.EmailSuppressed):
		w.say("put_right")
		w.sayNow(last, nil)
	default:
		w.remedies = append(w.remedies, last.Failure.remedies()...)
		if !last.Now.WouldSend {
			w.sayNow(last, []rules.Reason{{Code: rules.EmailSuppressed}})
		}
	}
}

// sayNow says what would be decided now. known are the reasons that have been said.
func (w *words) sayNow(last *LastInvite, known []rules.Reason) {
	now := w.worthSaying(last.Now.Reasons)
	for _, reason := range now {
		if !has(known, reason.Code) {
			w.sayWhy("another_reason", reason.Explanation)
		}
	}
	resend := last.Kind == rules.Resend
	switch {
	case !last.Now.WouldSend:
		w.remediesOf(slices.DeleteFunc(now, func(r rules.Reason) bool {
			return last.Failure != nil && r.Code == rules.EmailSuppressed // the failure's remedy says the same
		}))
	case last.Now.TooOld:
		w.say("too_old")
		w.remedyOf(resend, "resend_now", "invite_now")
	default:
		w.say("would_be_sent")
		w.remedyOf(resend, "replay_or_resend", "replay_or_invite")
	}
}

func (w *words) remedyOf(resend bool, ofResend, ofInvite string) {
	if resend {
		w.remedy(ofResend)
	} else {
		w.remedy(ofInvite)
	}
}

func (w *words) remediesOf(reasons []rules.Reason) {
	for _, reason := range reasons {
		w.remedies = append(w.remedies, reason.Remedy)
	}
}

// worthSaying leaves out reasons that the state implies, such as being invited already, and reasons that no longer
// apply.
func (w *words) worthSaying(reasons []rules.Reason) (list []rules.Reason) {
	for _, reason := range reasons {
		implied := w.status.State != NoInviteSent && reason.Code.Settled() && reason.Code != rules.ResendTooSoon
		said := reason.Code == rules.EmailChanged && w.saidChanged || w.saidAsSuspended(reason.Code)
		over := !reason.RetryAt.IsZero() && !w.now.Before(reason.RetryAt)
		if !implied && !said && !over {
			list = append(list, reason)
		}
	}
	return list
}

func has(reasons []rules.Reason, code rules.Code) bool {
	return slices.ContainsFunc(reasons, func(r rules.Reason) bool { return r.Code == code })
}

// failed says why the mail failed.
func (w *words) failed(f *Failure) string {
	if f == nil || f.Explanation == "" {
		return w.catalog.Sentence("not_taken", &w.names)
	}
	return f.Explanation
}

// sayWhyOn is like sayWhy, with a day.
func (w *words) sayWhyOn(phrase string, t time.Time, why string) {
	names := w.on(t)
	names.Why = why
	w.sayNamed(phrase, names)
}

func (f *Failure) remedies() []string {
	if f == nil || f.Remedy == "" {
		return nil
	}
	return []string{f.Remedy}
}
