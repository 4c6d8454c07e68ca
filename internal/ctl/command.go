package ctl

import (
	"github.com/alecthomas/kong"

	"portal-invites/internal/app"
)

// name is the name of the command, and of its connection to the broker.
const name = "invitectl"

// Description is the text above the flags in --help.
const Description = `Asks the workers of portal-invites who would be invited and why not, and what became of an invite.
Decides again about invites after a fix.

It needs nothing but the broker.

Environment (each is a flag as well):

` + app.BrokerVariables + `
Exit codes: 0 done, 1 failed, 2 wrong use or configuration, 3 it goes on.`

// Command is the command line, for kong.
type Command struct {
	Explain      explainCmd       `cmd:"" help:"Who would be sent an invite, and why the others would not."`
	Status       statusCmd        `cmd:"" help:"People's status with a client's portal."`
	Statuses     statusesCmd      `cmd:"" help:"What stands for all people of a firm: count them, list those of a state."`
	Event        eventCmd         `cmd:"" help:"What became of one event, from its publication to the login, with every attempt."`
	Outcomes     outcomesCmd      `cmd:"" help:"What became of invites, from the stream; with -f as it happens."`
	Runs         runsCommands     `cmd:"" help:"Bulk runs and replays: a list, one, or one live; pause, resume, cancel or schedule them."`
	Queue        queueCmd         `cmd:"" help:"What waits to be sent, since when, and what the mail server last said."`
	Firm         firmCmd          `cmd:"" help:"Firms whose mails wait: list them, pause a firm, or let its mails leave again. For operators only."`
	Held         heldCmd          `cmd:"" help:"Mails that may or may not have arrived (INVITE_ON_UNKNOWN=hold): list, send again, or count as sent."`
	Suppressions suppressionsCmd  `cmd:"" help:"Emails to which no mail may go: list them, or lift what a mistake has suppressed."`
	Senders      sendersCmd       `cmd:"" help:"By which addresses mails leave: which firms have them, what waits, and how many came back. For operators only."`
	Trouble      troubleCmd       `cmd:"" help:"Which firms have trouble: what waits, what failed and what needs somebody, of all firms. For operators only."`
	Replay       replayCmd        `cmd:"" help:"Decide again what was skipped or failed, after a fix."`
	DeadLetters  deadLettersCmd   `cmd:"" help:"Events that could not be handled: list, show, requeue, discard."`
	Link         linkCmd          `cmd:"" help:"What the link of a mail would open, without opening it."`
	Person       personCmd        `cmd:"" help:"Everything that is kept about one person, as JSON."`
	Preview      previewCmd       `cmd:"" help:"A mail as it would be sent."`
	Recover      recoverCmd       `cmd:"" help:"After the database was restored to an earlier moment: take what it has lost from the stream."`
	Completion   completionCmd    `cmd:"" help:"Print a script with which bash, zsh or fish completes commands, flags and values."`
	Version      kong.VersionFlag `help:"Print the version and exit."`
}
