package ledger

import (
	"fmt"
	"strings"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// noMoreSent ends the explanation of a failure that suppresses the address.
const noMoreSent = "No more is sent there."

// saysNoMailbox says whether a failure has suppressed the address.
func saysNoMailbox(f events.Failed) bool {
	if f.Stage != string(mail.StepAfter) {
		return strings.HasSuffix(f.Explanation, noMoreSent)
	}
	meaning, _ := mail.ReplyInReport(f.SMTPCode, f.EnhancedCode, f.Explanation).Meaning()
	return meaning.Mailbox()
}

// FailureWords says why an invite failed, and what to do about it. It needs only the stored invite and its last
// attempt, so a later status says the same as the outcome.
func FailureWords(a store.Attempt, i store.Invite) (explanation, remedy string) {
	who := rules.NameOnly(i.Name)
	if who == "" {
		who = i.Email.Masked()
	}
	verdict, stage := mail.Verdict(a.Verdict), mail.Step(a.Stage)
	switch {
	case stage == mail.StepAfter:
		return returnedWords(a, i, who)
	case stage == mail.StepMessage:
		return "The mail could not be built: " + a.Said + ".", "Correct what the explanation names, then replay."
	case mail.NoMailbox(verdict, a.SMTPCode, a.Enhanced, a.Said):
		return fmt.Sprintf("The mail server says that %s gets no mail%s. "+noMoreSent,
				i.Email.Masked(), quoted(a)),
			fmt.Sprintf("Ask %s for a working address and enter it, or lift the block on this one; then replay.", who)
	case verdict == mail.Refused, verdict == mail.Unclear:
		return fmt.Sprintf("The mail server refused the mail to %s%s.", i.Email.Masked(), quoted(a)),
			"See to what the mail server objects to, then replay."
	default:
		return fmt.Sprintf("The mail server put off the mail to %s until it was too late%s.", i.Email.Masked(), quoted(a)),
			"See to what the mail server objects to, then replay."
	}
}

// returnedWords are the words about a mail that came back.
func returnedWords(a store.Attempt, i store.Invite, who string) (explanation, remedy string) {
	to := i.Email.Masked()
	meaning, _ := mail.ReplyInReport(a.SMTPCode, a.Enhanced, a.Said).Meaning()
	switch {
	case meaning.Mailbox():
		return fmt.Sprintf("The mail came back: %s gets no mail%s.", to, quoted(a)),
			fmt.Sprintf("Ask %s for a working address and enter it, or lift the block on this one; then replay.", who)
	case meaning == mail.ProvidersList:
		return fmt.Sprintf("The mail came back: the mail provider has %s on its own list of addresses that get no mail%s.",
				to, quoted(a)),
			fmt.Sprintf("Take %s off the mail provider's list, then replay.", to)
	case meaning == mail.MailboxFull:
		return fmt.Sprintf("The mail to %s came back: the mailbox is full%s.", to, quoted(a)),
			fmt.Sprintf("Ask %s to make room or for another address, then replay.", who)
	default:
		return fmt.Sprintf("The mail to %s came back%s.", to, quoted(a)),
			"See to what the report objects to, then replay."
	}
}

// quoted is the server's last reply in brackets, after a space; "" if there is none.
func quoted(a store.Attempt) string {
	said := strings.TrimRight(a.Said, ".! ")
	if a.SMTPCode != 0 {
		said = strings.Join(strings.Fields(fmt.Sprintf("%d %s %s", a.SMTPCode, a.Enhanced, said)), " ")
	} else if a.Enhanced != "" {
		said = strings.TrimSpace(a.Enhanced + " " + said)
	}
	if said == "" {
		return ""
	}
	return " (" + said + ")"
}
