package ledger

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// ReportFate says what became of a report about a mail.
type ReportFate string

// The fates.
const (
	ReportRecorded ReportFate = "recorded"
	ReportRepeated ReportFate = "repeated" // it was on record
	ReportNotOurs  ReportFate = "not_ours" // no mail of this firm with that id went to that address
	// ReportOfOther is a report that came by the account of another sender than the mail's. An account must not speak
	// about the mails of another one.
	ReportOfOther ReportFate = "other_sender"
	// ReportUnproven is a report without the proof that the mail carried, so anybody may have made it up (ADR 155).
	ReportUnproven ReportFate = "unproven"
)

type countedReport struct {
	kind events.ReportKind
	fate ReportFate
}

// reported is a report about a mail that is on record.
type reported struct {
	store.MailReport
	mail    store.FoundMail
	key     rules.AccessKey
	at      store.Position
	meaning mail.Meaning // of a bounce
}

// ReportMails enters what has become of mails after a mail server took them. Reports come in any order and several
// times, also before the result of an attempt is recorded (ADR 111). Only reports that a mail came back may change an
// access. Give them one by one, and flush after each.
func (t *Tx) ReportMails(ctx context.Context, facts []events.Event) error {
	if len(facts) == 0 {
		return nil
	}
	reports, err := t.findReported(ctx, facts)
	if err != nil || len(reports) == 0 {
		return err
	}
	tried, deliveredBefore, err := t.lockReported(ctx, reports)
	if err != nil {
		return err
	}
	stored := make([]store.MailReport, len(reports))
	for i, r := range reports {
		stored[i] = r.MailReport
	}
	fresh, err := t.RecordReports(ctx, stored)
	if err != nil {
		return err
	}
	requests, err := t.requestsOf(ctx, tried)
	if err != nil {
		return err
	}
	var blocks []store.ReportedBlock
	var failures []store.MailFailure
	for i, r := range reports {
		if !fresh[i] {
			t.counted(r.Kind, ReportRepeated)
			continue
		}
		t.counted(r.Kind, ReportRecorded)
		blocks, failures = append(blocks, r.blocks()...), append(failures, r.failures()...)
		h, isTried := tried[r.InviteID]
		if !isTried || h.Nonce != r.Nonce { // a later mail of the invite keeps its own (ADR 111)
			continue
		}
		isFirst := r.Kind == string(events.MailDelivered) && !deliveredBefore[r.InviteID]
		deliveredBefore[r.InviteID] = deliveredBefore[r.InviteID] || isFirst
		if err := t.settleReported(ctx, requests[h.RequestID], h, r, isFirst); err != nil {
			return err
		}
	}
	return errors.Join(t.CountFailures(ctx, failures), t.SuppressReported(ctx, blocks))
}

// settleReported enters what follows for the invite whose newest mail is reported. isFirst says whether it is the first
// report that the mail was delivered.
func (t *Tx) settleReported(
	ctx context.Context, request store.Request, h store.HeldInvite, r reported, isFirst bool,
) error {
	switch {
	case r.Kind == string(events.MailBounced):
		return t.comeBack(ctx, request, h, r)
	case isFirst:
		return t.deliverLate(ctx, request, h, r)
	default: // nothing: the status says that it was delayed, or complained about
		return nil
	}
}

func (t *Tx) counted(kind string, fate ReportFate) {
	t.reports = append(t.reports, countedReport{events.ReportKind(kind), fate})
}

// findReported returns the reports about mails that are on record, and counts the others.
func (t *Tx) findReported(ctx context.Context, facts []events.Event) ([]reported, error) {
	var queries []store.MailQuery
	var asked []events.Event
	for _, fact := range facts {
		data, is := fact.Data.(*events.MailReport)
		if !is {
			continue
		}
		q := store.MailQuery{FirmID: fact.Firm, Email: address.Parse(data.Email).Normal}
		if id, nonce, ours := mail.ParseMessageID(data.MessageID); ours {
			q.InviteID, q.Local = id, mail.LocalOf(id, nonce)
		} else if q.InviteID, _ = uuid.Parse(data.InviteID); q.InviteID == uuid.Nil {
			t.counted(string(data.Kind), ReportNotOurs)
			continue
		}
		queries, asked = append(queries, q), append(asked, fact)
	}
	found, err := t.FindMails(ctx, queries)
	if err != nil {
		return nil, err
	}
	var reports []reported
	for i, fact := range asked {
		data, _ := fact.Data.(*events.MailReport)
		m, isOurs := found[i]
		id, nonce, ok := mail.ParseMessageID(m.MessageID)
		if !isOurs || !ok {
			t.counted(string(data.Kind), ReportNotOurs)
			continue
		}
		if data.Sender != nil && *data.Sender != m.Sender {
			t.counted(string(data.Kind), ReportOfOther)
			continue
		}
		if !t.isProven(data, m) {
			t.counted(string(data.Kind), ReportUnproven)
			continue
		}
		at := data.At.UTC().Truncate(time.Microsecond)
		if at.After(t.Now) {
			at = t.Now // a clock elsewhere may be ahead
		}
		reports = append(reports, reported{
			MailReport: store.MailReport{
				InviteID: id, Nonce: nonce, Email: queries[i].Email, Kind: string(data.Kind), Code: data.Code,
				Said: mail.Speakable(data.Said), Reporter: data.Reporter, At: at,
			},
			mail: m, key: rules.AccessKey{FirmID: fact.Firm, ClientID: m.ClientID, Person: m.Person},
			at: store.Position(fact.Place()), meaning: meaningOf(data),
		})
	}
	return reports, nil
}

// isProven says whether a report carries the proof of its mail. A mail from before there were proofs has none. Reports
// about it count for a transition time. The ledger's record of the mail has the proof, so this holds also after the key
// has changed.
func (t *Tx) isProven(data *events.MailReport, m store.FoundMail) bool {
	proof := mail.ProofIn(m.MessageID)
	if proof == "" {
		return t.Now.Sub(m.BegunAt) < t.ledger.UnprovenFor
	}
	given := cmp.Or(mail.ProofIn(data.MessageID), strings.ToLower(data.Proof))
	return subtle.ConstantTimeCompare([]byte(proof), []byte(given)) == 1
}

// meaningOf says what the server meant that did not take the mail in the end.
func meaningOf(data *events.MailReport) mail.Meaning {
	code, enhanced := events.SplitCode(data.Code)
	// Only what is kept of the words counts, because a later status has nothing else.
	meaning, _ := mail.ReplyInReport(code, enhanced, mail.Speakable(data.Said)).Meaning()
	return meaning
}

// lockReported locks the invites that reports may change, in the order in which everybody locks: access first.
func (t *Tx) lockReported(
	ctx context.Context, reports []reported,
) (tried map[uuid.UUID]store.HeldInvite, delivered map[uuid.UUID]bool, err error) {
	var ids []uuid.UUID
	for _, r := range reports {
		switch events.ReportKind(r.Kind) {
		case events.MailBounced:
			if _, err := t.LockAccess(ctx, r.key); err != nil {
				return nil, nil, err
			}
			ids = append(ids, r.InviteID)
		case events.MailDelivered:
			ids = append(ids, r.InviteID)
		case events.MailComplained, events.MailDelayed: // these change no invite
		}
	}
	if tried, err = t.LockTried(ctx, ids); err != nil {
		return nil, nil, err
	}
	delivered, err = t.DeliveredBefore(ctx, ids)
	return tried, delivered, err
}

func (t *Tx) requestsOf(
	ctx context.Context, tried map[uuid.UUID]store.HeldInvite,
) (map[uuid.UUID]store.Request, error) {
	ids := make([]uuid.UUID, 0, len(tried))
	for _, h := range tried {
		ids = append(ids, h.RequestID)
	}
	return t.LoadRequests(ctx, ids)
}

// blocks returns the suppression that follows from a report, if one does.
func (r reported) blocks() []store.ReportedBlock {
	var cause string
	switch kind := events.ReportKind(r.Kind); {
	case kind == events.MailComplained:
		cause = store.CauseComplaint
	case kind == events.MailBounced && r.meaning.Mailbox():
		cause = store.CauseBounce
	default:
		return nil
	}
	return []store.ReportedBlock{{
		EmailKey: rules.EmailKey{FirmID: r.key.FirmID, Email: r.Email}, Cause: cause, Since: r.At, MailedAt: r.mail.BegunAt,
		At: r.at,
	}}
}

// failures returns the mail as one that counts against its firm (ADR 116), if it does.
func (r reported) failures() (list []store.MailFailure) {
	for _, b := range r.blocks() {
		list = append(list, store.MailFailure{
			FirmID: b.FirmID, InviteID: r.InviteID, Nonce: r.Nonce, Kind: b.Cause, Sender: r.mail.Sender, MailedAt: b.MailedAt,
		})
	}
	return list
}

// comeBack enters that an invite's mail came back. The access ends if nobody has used it, as after a refusal. But a
// resend that came back for another reason than the mailbox gives way to the link before it.
func (t *Tx) comeBack(ctx context.Context, request store.Request, h store.HeldInvite, r reported) error {
	switch h.State {
	case store.Sent, store.Sending, store.Queued:
	case store.Skipped, store.Failed:
		return nil // nobody has this mail's link
	}
	next := h.Invite
	next.State, next.NextAttempt, next.HeldAt = store.Failed, time.Time{}, time.Time{}
	next.Revision++
	next.Returned++
	next.DecidedAt = t.Now // so that it is the newest that is known of the person, also after a run has skipped them
	revived := false
	if next.Kind == rules.Resend && !r.meaning.Mailbox() {
		var err error
		if revived, err = t.ReviveLink(ctx, h.Invite, t.Now); err != nil {
			return err
		}
	}
	if !revived {
		t.released = append(t.released, h.Invite)
	}
	if err := t.MarkFailed(ctx, r.MailReport); err != nil {
		return err
	}
	if err := t.reportFailed(request, next, Returned(r.MailReport), nil); err != nil {
		return err
	}
	t.count(h.Invite, next)
	t.write(h.Invite, next)
	return nil
}

// Returned is a report that a mail came back, in the form of an attempt, for [FailureWords].
func Returned(r store.MailReport) store.Attempt {
	code, enhanced := events.SplitCode(r.Code)
	return store.Attempt{
		InviteID: r.InviteID, Verdict: string(mail.Refused), Stage: string(mail.StepAfter),
		SMTPCode: code, Enhanced: enhanced, Said: r.Said,
	}
}

// deliverLate reports that an invite's mail is in the mailbox. If the result of its attempt was unknown, or is not
// recorded yet, this decides it.
func (t *Tx) deliverLate(ctx context.Context, request store.Request, h store.HeldInvite, r reported) error {
	invite := h.Invite
	switch h.State {
	case store.Sent:
	case store.Sending, store.Queued:
		var err error
		if invite, err = t.arrive(request, h); err != nil {
			return err
		}
		if h.Held() {
			by := "a report of " + r.Reporter
			if err := t.recordRulings(ctx, []store.HeldInvite{h}, store.Arrived, by); err != nil {
				return err
			}
		}
	case store.Skipped, store.Failed:
		return nil // it was reported otherwise before, and that stays
	}
	about := aboutInvite(request, invite)
	about.DecidedAt = t.Now
	data := events.Delivered{About: about, MessageID: r.mail.MessageID, DeliveredAt: r.At, Reporter: r.Reporter}
	id := accessOutcomeID(invite, "delivered")
	return t.report(events.AccessOutcome(events.InviteDelivered, about, id, data, traceOf(request)))
}
