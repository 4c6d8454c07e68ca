package pipeline

import (
	"fmt"

	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// FailureWords says why an invite failed, and what a person can do about it. It takes both from what is on record of the
// invite and its last attempt, so that a status says later what the outcome has said.
func FailureWords(a store.Attempt, i store.Invite) (explanation, remedy string) {
	who := rules.NameOnly(i.Name)
	if who == "" {
		who = i.Email.Masked()
	}
	switch {
	case a.Stage == string(mail.StageMessage):
		return "The mail could not be built: " + a.Said + ".", "Correct what the explanation names, then replay."
	case a.Verdict == string(mail.Refused):
		return fmt.Sprintf("The mail server refused %s for good.", i.Email.Masked()),
			fmt.Sprintf("Check the email with %s and correct it, then replay.", who)
	default:
		return fmt.Sprintf("The mail server did not take the mail for %s within %d hours.", i.Email.Masked(), int(retryFor.Hours())),
			"Check the mail server, then replay."
	}
}
