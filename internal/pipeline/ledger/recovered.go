package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// RecoverInvites enters what was recovered about invites of the ledger (ADR 107).
func (t *Tx) RecoverInvites(ctx context.Context, ids []uuid.UUID) error {
	found, err := t.LoadInvites(ctx, ids)
	if err != nil {
		return err
	}
	invites := make([]store.Invite, 0, len(ids))
	for _, id := range ids { // in their order, so that two workers do not deadlock
		if invite, there := found[id]; there {
			invites = append(invites, invite)
		}
	}
	candidates, err := t.AskAgain(ctx, invites)
	if err != nil {
		return err
	}
	for _, c := range candidates {
		if _, err := t.takeRecovered(c); err != nil {
			return err
		}
	}
	return t.SuppressBounced(ctx, t.bouncedOf(candidates))
}

// bouncedOf returns the addresses of recovered failures that said that no mailbox is there. Such a suppression is on no
// stream. A mail that came back counts as of when it was sent, as for a report (ADR 111).
func (t *Tx) bouncedOf(candidates []Candidate) (bounced []store.Bounced) {
	for _, c := range candidates {
		var failed *events.Failed
		var at time.Time
		sent := c.Invite.SentAt
		for _, o := range t.Recovered(c.Invite.ID) {
			switch o.Type {
			case string(events.InviteSent):
				failed = nil // the address works again
				var mailed events.Sent
				if json.Unmarshal(o.Data, &mailed) == nil {
					sent = mailed.SentAt
				}
			case string(events.InviteFailed):
				failed = &events.Failed{}
				if json.Unmarshal(o.Data, failed) != nil || !saysNoMailbox(*failed) {
					failed = nil
					continue
				}
				if at = failed.DecidedAt; failed.Stage == string(mail.StepAfter) && !sent.IsZero() {
					at = sent
				}
			}
		}
		if failed == nil {
			continue
		}
		for _, email := range []rules.Email{c.Invite.Email, t.personOf(c).Email} {
			if email.Normal != "" && email.Masked() == failed.Recipient.EmailMasked {
				key := rules.EmailKey{FirmID: c.Invite.FirmID, Email: email.Normal}
				bounced = append(bounced, store.Bounced{EmailKey: key, At: at})
				break
			}
		}
	}
	return bounced
}

// takeRecovered enters the outcome of a candidate that the stream has, and that the ledger lost when the database went
// back. The rules are not asked, and nothing is published again. It returns false if there is nothing to enter.
func (t *Tx) takeRecovered(c Candidate) (taken bool, err error) {
	known := t.Recovered(c.Invite.ID)
	if len(known) == 0 {
		return false, nil
	}
	r := recovered{person: t.personOf(c)}
	for _, o := range known {
		if err := r.read(c.Invite, o); err != nil {
			return false, err
		}
	}
	if r.outcome == nil || r.revision <= c.Invite.Revision {
		if c.Invite.State == store.Sent && !r.accepted.IsZero() {
			t.recoverLogin(c, c.Invite, r)
		}
		t.recoverDecline(c.Invite, r)
		return false, nil
	}
	r.findEmail(c.Invite)
	t.enterRecovered(c, r)
	return true, nil
}

// recoverDecline enters that the mail of an invite was declined, if somebody still knows the address that it went to.
// Whoever is active may have taken it back by a login that no outcome tells of.
func (t *Tx) recoverDecline(i store.Invite, r recovered) {
	access := t.Book.Accesses[rules.AccessKey{FirmID: i.FirmID, ClientID: i.ClientID, Person: i.Person}]
	d := r.declined
	if d == nil || i.Email.Normal == "" || i.Email.Masked() != d.Recipient.EmailMasked ||
		access != nil && access.State == rules.Active {
		return
	}
	t.recoveredDeclines = append(t.recoveredDeclines, store.Decline{
		EmailKey: rules.EmailKey{FirmID: i.FirmID, Email: i.Email.Normal}, InviteID: i.ID,
		Declined: rules.Declined{At: d.DeclinedAt, BulkOnly: d.OneClick},
	})
	if d.Ended {
		t.released = append(t.released, i)
	}
}

// enterRecovered enters the newest outcome of a candidate.
func (t *Tx) enterRecovered(c Candidate, r recovered) {
	next := c.Invite
	if next.State == "" {
		next.Sender = t.senderOf(next.FirmID)
	}
	r.fill(&next)
	erased := t.Book.IsErased(c.Ask)
	if erased {
		next = t.leaveOut(c, next)
		next.Settled, next.Nonce, next.Reasons, r.attempt.Said = true, 0, nil, ""
	}
	counted := next
	if next.ReplayID != c.Invite.ReplayID {
		counted.ReplayID = uuid.NullUUID{} // its sums were reported, or it begins again
	}
	t.count(c.Invite, counted)
	t.write(c.Invite, next)
	switch {
	case erased:
	case next.State == store.Sent:
		t.recoverAccess(c, next, r)
	case c.Invite.State != "":
		t.released = append(t.released, c.Invite)
	}
	t.recoverDecline(next, r)
	if r.attempt.InviteID != uuid.Nil {
		t.recoveredAttempts = append(t.recoveredAttempts, r.attempt)
	}
	for _, report := range r.reports {
		if erased {
			break
		}
		report.Email = next.Email.Normal
		t.recoveredReports = append(t.recoveredReports, report)
	}
}

// personOf is who a candidate is by today's facts, with the name and email.
func (t *Tx) personOf(c Candidate) store.Invite {
	if t.Book.IsErased(c.Ask) {
		return store.Invite{}
	}
	person, contact := t.Book.Resolve(c.Ask, t.Now)
	i := store.Invite{Person: person, Name: c.Ask.Recipient.Name, Email: c.Ask.Recipient.Email}
	if contact != nil {
		i.Name, i.Email = contact.Name, contact.Email
	}
	return i
}

// recovered is what the recovered outcomes say about one invite.
type recovered struct {
	person   store.Invite // who the recipient is by today's facts
	revision int
	outcome  func(*store.Invite) // writes the newest outcome
	about    events.About
	attempt  store.RecoveredAttempt
	nonce    int64  // of the newest mail
	sentAt   uint64 // the sequence of the newest InviteSent
	reports  []store.MailReport
	named    []store.RecoveredOutcome // those about whose contact a fact says more
	accepted time.Time                // when the link was first opened; zero: not
	declined *events.Declined         // the newest; nil: none
	removed  uint64                   // the sequence of the newest removal of the person's access; 0: none
}

// read adds one outcome. They come in the stream's order.
func (r *recovered) read(before store.Invite, o store.RecoveredOutcome) error {
	if o.Type == string(events.RemovedAccess) {
		r.removed = o.Sequence
		return nil
	}
	if o.Email != "" {
		r.named = append(r.named, o)
	}
	var err error
	switch o.Type {
	case string(events.InviteSent):
		var sent events.Sent
		if err = json.Unmarshal(o.Data, &sent); err == nil {
			err = r.readSent(sent)
		}
		r.sentAt = o.Sequence
	case string(events.InviteSkipped):
		var skipped events.Skipped
		err = json.Unmarshal(o.Data, &skipped)
		r.about, r.attempt = skipped.About, store.RecoveredAttempt{}
		r.outcome = func(i *store.Invite) {
			i.State, i.Reason, i.Reasons = store.Skipped, skipped.Reason, skipped.Reasons
			i.Settled = rules.Decision{Kind: i.Kind, Reasons: skipped.Reasons}.Settled()
		}
	case string(events.InviteFailed):
		var failed events.Failed
		if err = json.Unmarshal(o.Data, &failed); failed.Stage == string(mail.StepAfter) {
			r.readReturned(before, failed)
			break
		}
		r.about = failed.About
		r.attempt = store.RecoveredAttempt{At: failed.DecidedAt, Attempt: store.Attempt{
			InviteID: failed.InviteID, Number: before.Attempt + 1, Verdict: string(mail.Refused), Stage: failed.Stage,
			SMTPCode: failed.SMTPCode, Enhanced: failed.EnhancedCode, Said: failed.Explanation,
		}}
		r.outcome = func(i *store.Invite) { i.State, i.Attempt = store.Failed, before.Attempt+1 }
	case string(events.InviteDelivered):
		var delivered events.Delivered
		if err = json.Unmarshal(o.Data, &delivered); err == nil {
			err = r.readDelivered(delivered)
		}
	case string(events.InviteAccepted):
		var accepted events.Accepted
		err = json.Unmarshal(o.Data, &accepted)
		r.accepted = accepted.AcceptedAt
	case string(events.InviteDeclined):
		r.declined = &events.Declined{}
		err = json.Unmarshal(o.Data, r.declined)
	}
	if err != nil {
		return fmt.Errorf("read the recovered outcome %s: %w", o.EventID, err)
	}
	r.revision = max(r.revision, o.Number)
	return nil
}

func (r *recovered) readSent(sent events.Sent) error {
	nonce, err := mail.NonceOf(sent.MessageID)
	if err != nil {
		return err
	}
	r.about, r.nonce = sent.About, nonce
	r.attempt = store.RecoveredAttempt{At: sent.SentAt, Attempt: store.Attempt{
		InviteID: sent.InviteID, Number: sent.Attempt, MessageID: sent.MessageID, Verdict: string(mail.Delivered),
		Said: recoveredBy,
	}}
	r.outcome = func(i *store.Invite) {
		i.State, i.Reason, i.Reasons, i.Settled = store.Sent, "", nil, false
		i.Nonce, i.Attempt, i.SentAt, i.ExpiresAt = nonce, sent.Attempt, sent.SentAt, sent.ExpiresAt
	}
	return nil
}

// readReturned reads that the mail came back after the server had taken it. The attempt stays as it was.
func (r *recovered) readReturned(before store.Invite, failed events.Failed) {
	nonce, sent := r.nonce, r.outcome
	if sent == nil {
		nonce = before.Nonce
		sent = func(i *store.Invite) { i.SentAt, i.ExpiresAt = before.SentAt, before.ExpiresAt }
	}
	r.about = failed.About
	r.outcome = func(i *store.Invite) {
		sent(i)
		i.State = store.Failed
		i.Returned++
	}
	r.reports = append(r.reports, store.MailReport{
		InviteID: failed.InviteID, Nonce: nonce, Kind: string(events.MailBounced), Reporter: recoveredBy, Failed: true,
		Code: strings.TrimSpace(codeOf(failed) + " " + failed.EnhancedCode), Said: failed.Explanation, At: failed.DecidedAt,
	})
}

// recoveredBy takes the place of what is on no stream: who has reported, and what a server has said.
const recoveredBy = "recovered from the stream of outcomes"

func codeOf(failed events.Failed) string {
	if failed.SMTPCode == 0 {
		return ""
	}
	return strconv.Itoa(failed.SMTPCode)
}

func (r *recovered) readDelivered(delivered events.Delivered) error {
	nonce, err := mail.NonceOf(delivered.MessageID)
	r.reports = append(r.reports, store.MailReport{
		InviteID: delivered.InviteID, Nonce: nonce, Kind: string(events.MailDelivered), Reporter: delivered.Reporter,
		At: delivered.DeliveredAt,
	})
	return err
}

// findEmail makes sure that the recipient's email is the one that the outcome tells of, if anybody still knows it. The
// ledger may lack the fact with that email, or have a newer one.
func (r *recovered) findEmail(before store.Invite) {
	masked := r.about.Recipient.EmailMasked
	switch {
	case before.Person != "" && before.Email.Masked() == masked:
		r.person = before
	case r.person.Email.Masked() == masked:
	default:
		for _, o := range r.named {
			if email := address.Parse(o.Email); email.Masked() == masked {
				r.person.Name, r.person.Email = o.Name, email
			}
		}
	}
	if before.Person != "" {
		r.person.Person = before.Person
	}
}

// fill changes an invite to its newest outcome.
func (r *recovered) fill(i *store.Invite) {
	i.Person, i.Name, i.Email = r.person.Person, r.person.Name, r.person.Email
	i.NextAttempt, i.HeldAt, i.SentAt, i.ExpiresAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	r.outcome(i)
	i.Revision, i.DecidedAt = r.revision, r.about.DecidedAt
	if r.about.ReplayID != nil {
		i.ReplayID = uuid.NullUUID{UUID: *r.about.ReplayID, Valid: true}
	}
}

// recoverAccess reserves the access and the login of a person who was mailed, as they were then: the mailed link opens
// again. It leaves alone what was removed since, and a login that is another person's by now.
func (t *Tx) recoverAccess(c Candidate, sent store.Invite, r recovered) {
	key := rules.AccessKey{FirmID: sent.FirmID, ClientID: sent.ClientID, Person: sent.Person}
	login := rules.EmailKey{FirmID: sent.FirmID, Email: sent.Email.Normal}
	before, holder := t.Book.Accesses[key], t.Book.Logins[login]
	switch {
	case r.removed > r.sentAt, sent.Email.Normal == "":
		return
	case t.Book.Clients[rules.ClientKey{FirmID: sent.FirmID, ClientID: sent.ClientID}] == nil:
		return // it was removed since
	case holder != nil && holder.Person != sent.Person && holder.ReservedAt(t.Now):
		return
	}
	access := rules.Access{State: rules.Invited, InvitedAt: sent.DecidedAt}
	isResend := false
	if before != nil {
		access.Version = before.Version
		if before.State == rules.Active || before.State == rules.Invited {
			access, isResend = *before, sent.Kind == rules.Resend
		}
	}
	if isResend && access.MailedAt.Before(sent.DecidedAt) { // the access keeps its reminders
		access.MailedAt = sent.DecidedAt
		t.resent = append(t.resent, sent)
	} else if access.InviteID == "" || !access.MailedAt.After(sent.DecidedAt) {
		access.InviteID, access.MailedAt = sent.ID.String(), sent.DecidedAt
	}
	access.Email = sent.Email.Normal
	if !r.accepted.IsZero() {
		access.State = rules.Active
	}
	access.ExpiresAt = sent.ExpiresAt
	t.reserveRecovered(c, sent, key, access)
}

// recoverLogin makes the access active of a person whose login was lost, and whose mail was not.
func (t *Tx) recoverLogin(c Candidate, sent store.Invite, r recovered) {
	key := rules.AccessKey{FirmID: sent.FirmID, ClientID: sent.ClientID, Person: sent.Person}
	before := t.Book.Accesses[key]
	if before == nil || before.State != rules.Invited || before.InviteID != sent.ID.String() || r.removed > 0 {
		return // it is another access by now
	}
	access := *before
	access.State = rules.Active
	t.reserveRecovered(c, sent, key, access)
}

// reserveRecovered reserves an access and its login. One transaction writes an access once, so its version rises once.
func (t *Tx) reserveRecovered(c Candidate, i store.Invite, key rules.AccessKey, access rules.Access) {
	if pending, again := t.reservations[key]; again {
		access.Version = pending.Access.Version
	} else {
		access.Version++
	}
	until := access.ExpiresAt
	if access.State == rules.Active {
		access.ExpiresAt, until = time.Time{}, rules.Forever
	}
	t.Book.Accesses[key] = &access
	t.Book.Logins[rules.EmailKey{FirmID: i.FirmID, Email: access.Email}] = &rules.Login{
		Person: i.Person, ReservedUntil: until, HolderName: i.Name, ClientID: i.ClientID,
	}
	t.reservations[key] = store.Reservation{AccessKey: key, Access: access, At: c.Request.At}
}
