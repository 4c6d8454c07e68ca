package bounce

import (
	"cmp"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
)

// Finding says what a report means for one recipient.
type Finding struct {
	Reason Reason
	Firm   string      // the firm that the mail belongs to; "" if not known
	Email  rules.Email // may be empty
	Status string      // the enhanced status code of the report; may be empty
	Mail   string      // the Message-ID of the mail that came back, or else of the report; may be empty

	kind  events.ReportKind // what became of the mail; "" if nothing is known
	reply mail.Reply        // of a mail that came back
	at    time.Time         // when the report was written; zero if it does not say
}

// Reported says whether the report is about a mail that the pipeline sent, and says what became of it. Then the
// pipeline decides what follows, as [events.MailReported] says. Of other reports only a suppression can follow.
func (f Finding) Reported() bool {
	return f.kind != "" && f.OurMail() != "" && f.Firm != "" && f.Email.Normal != "" &&
		f.Reason != NotOurs && f.Reason != OtherFirm
}

// Masked returns the email in a form that may be shown. An invalid address is hidden completely, since it may be
// anything, even control sequences of a terminal.
func (f Finding) Masked() string {
	if f.Email.Normal == "" && f.Email.Written != "" {
		return "•••"
	}
	return f.Email.Masked()
}

// OurMail returns the Message-ID of the mail that came back, or "" if the pipeline did not send that mail. The report's
// writer can make up any other Message-ID.
func (f Finding) OurMail() string {
	if !mail.IsMessageID(f.Mail) {
		return ""
	}
	return f.Mail
}

// maxRecipients is how many recipients of one message count. A mail of ours has one, which servers on the way may list
// again. A forged report listed 13,000.
const maxRecipients = 10

// Asked says how reports are read. Firm is the firm that the operator named, or "". It never overrides the mail's own
// header (ADR 25). Unproven also counts reports that quote no mail of ours, as of mails from before [mail.MailHeader].
type Asked struct {
	Firm     string
	Unproven bool
}

// Findings says what the report means for each of its recipients.
func (r Report) Findings(asked Asked) []Finding {
	findings := r.findings(asked.Firm)
	for i, f := range findings {
		switch {
		case i >= maxRecipients:
			findings[i] = Finding{Reason: TooMany, Firm: f.Firm, Email: f.Email, Mail: f.Mail}
		case f.Reason.Suppresses() && !f.Reported() && !asked.Unproven:
			findings[i].Reason = WhichMail
		}
	}
	return findings
}

func (r Report) findings(firm string) []Finding {
	if r.Complaint != nil {
		return []Finding{r.complained(firm)}
	}
	findings := make([]Finding, len(r.Recipients))
	for i, recipient := range r.Recipients {
		email, forwarded := recipient.resolve(r.Original.To)
		reason, reply := recipient.meaning()
		switch {
		case recipient.Action != "failed":
			reason = NotFailed
		case reason.Suppresses() && forwarded:
			reason = Forwarded
		}
		findings[i] = r.finding(reason, firm, email, recipient.Status)
		if !forwarded { // what is behind a forwarding address says nothing about the mail that we sent
			findings[i].kind = kindOf[recipient.Action]
		}
		if recipient.Action == "failed" {
			findings[i].reply = reply
		}
	}
	return findings
}

// kindOf is what became of a mail, by the action of its report (RFC 3464, section 2.3.3). A mail that was relayed or
// expanded is still on its way.
var kindOf = map[string]events.ReportKind{
	"failed": events.MailBounced, "delayed": events.MailDelayed, "delivered": events.MailDelivered,
}

// complained reads a complaint. Only the kind abuse says that a reader does not want the mail (RFC 5965, section 7.3).
func (r Report) complained(firm string) Finding {
	reason := OtherFeedback
	if r.Complaint.Feedback == "abuse" {
		reason = Complained
	}
	email, _ := Recipient{Original: r.Complaint.Recipient}.resolve(r.Original.To)
	if r.Complaint.Recipient != "" { // the provider knows who complained; the header may name a list
		email, _ = Recipient{Original: r.Complaint.Recipient}.resolve("")
	}
	found := r.finding(reason, firm, email, "")
	if reason == Complained {
		found.kind = events.MailComplained
	}
	return found
}

// finding checks first which firm the mail belongs to. If the mail is not ours, the rest of the report does not matter.
func (r Report) finding(reason Reason, firm string, email rules.Email, status string) Finding {
	f := Finding{
		Reason: reason, Firm: firm, Email: email, Status: status, Mail: cmp.Or(r.Original.MessageID, r.ID), at: r.At,
	}
	ours := mail.IsMessageID(r.Original.MessageID)
	if events.CheckFirm(r.Original.Firm) == nil {
		f.Firm, ours = r.Original.Firm, true
	}
	switch {
	case r.Original.MessageID != "" && !ours:
		f.Reason, f.Firm = NotOurs, ""
	case firm != "" && f.Firm != firm:
		f.Reason = OtherFirm
	case !reason.Suppresses():
	case email.Written == "":
		f.Reason = NoRecipient
	case email.Normal == "":
		f.Reason = BadAddress
	case f.Firm == "":
		f.Reason = NoFirm
	}
	return f
}
