package ledger

import (
	"cmp"
	"fmt"
	"strings"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/wording"
)

// noMoreSent ends the explanation of a failure that suppresses the address, in every outcome.
const noMoreSent = "No more is sent there."

// saysNoMailbox says whether a failure has suppressed the address.
func saysNoMailbox(f events.Failed) bool {
	if f.Stage != string(mail.StepAfter) {
		return strings.HasSuffix(f.Explanation, noMoreSent)
	}
	meaning, _ := mail.ReplyInReport(f.SMTPCode, f.EnhancedCode, f.Explanation).Meaning()
	return meaning.Mailbox()
}

// FailureWords says in English why an invite failed, and what to do about it. It needs only the stored invite and its
// last attempt, so a later status says the same as the outcome.
func FailureWords(a store.Attempt, i store.Invite) (explanation, remedy string) {
	return FailureIn(wording.English(), a, i)
}

// FailureIn is like [FailureWords], in the words of a catalog.
func FailureIn(c *wording.Catalog, a store.Attempt, i store.Invite) (explanation, remedy string) {
	email := i.Email.Masked()
	return c.Failure(failureOf(a), &wording.Names{
		Person: cmp.Or(rules.NameOnly(i.Name), email), Email: email, Reply: quoted(a), Said: a.Said,
	})
}

// failureOf is the case of a failure in the catalogs.
func failureOf(a store.Attempt) string {
	verdict := mail.Verdict(a.Verdict)
	switch stage := mail.Step(a.Stage); {
	case stage == mail.StepAfter:
		return returnOf(a)
	case stage == mail.StepMessage:
		return "unbuilt"
	case mail.NoMailbox(verdict, a.SMTPCode, a.Enhanced, a.Said):
		return "no_mailbox"
	case verdict == mail.Refused, verdict == mail.Unclear:
		return "refused"
	default:
		return "too_late"
	}
}

// returnOf is the case of a mail that came back.
func returnOf(a store.Attempt) string {
	meaning, _ := mail.ReplyInReport(a.SMTPCode, a.Enhanced, a.Said).Meaning()
	switch {
	case meaning.Mailbox():
		return "returned_no_mailbox"
	case meaning == mail.ProvidersList:
		return "returned_providers_list"
	case meaning == mail.MailboxFull:
		return "returned_mailbox_full"
	default:
		return "returned"
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
