package oracle

import (
	"fmt"
	"slices"
	"strings"
)

// Check is one promise, and the sign by which a report names its breach. docs/testing.md shows both.
type Check struct {
	Sign    string
	Promise string
	find    func(*scene) []string
}

// Checks are all checks, in the order in which they are reported.
func Checks() []Check { return slices.Concat(outcomeChecks(), mailChecks(), tableChecks()) }

func outcomeChecks() []Check {
	return []Check{
		{
			"no outcome",
			"Each recipient of each request has one invite, with a valid outcome or a visible unfinished state.",
			noOutcome,
		},
		{
			"one id, two outcomes",
			"The same outcome id always has the same bytes.",
			oneIDTwoOutcomes,
		},
		{
			"revision not published",
			"Every revision of every invite is published.",
			revisionNotPublished,
		},
		{
			"wrong sum",
			"`selected = sent + skipped + failed + pending` in each event about a run.",
			wrongSum,
		},
		{
			"not completed once",
			"Each run completes once, with nothing pending, and has selected as many as it has invites.",
			notCompletedOnce,
		},
		{
			"old sums",
			"The last event about each run has the sums of its invites.",
			oldSums,
		},
	}
}

func mailChecks() []Check {
	return []Check{
		{
			"mail without attempt",
			"Every mail belongs to an attempt on record.",
			mailWithoutAttempt,
		},
		{
			"second mail",
			"A second mail only follows an attempt of unknown result, with the same Message-ID and link.",
			secondMail,
		},
		{
			"mail missing",
			"Every `InviteSent` has its mail.",
			mailMissing,
		},
		{
			"returned and sent",
			"No invite counts as sent whose mail came back.",
			returnedAndSent,
		},
		{
			"invited twice",
			"A person gets one invite for a client, however many requests name them.",
			invitedTwice,
		},
		{
			"nobody invited them",
			"Nobody is skipped as `already_invited` whom no other invite reaches.",
			nobodyInvitedThem,
		},
		{
			"unknown without cause",
			"While no answer of a mail server is lost and no worker dies, no attempt has an unknown result.",
			unknownWithoutCause,
		},
		{
			"mailed in spite of a fact",
			"Nobody is mailed who was removed, blocked, archived or corrected before the request's place in the stream.",
			mailedInSpite,
		},
		{
			"mailed after removal",
			"No mail leaves to a person whose removal was in the tables before the mail server came back.",
			mailedAfterRemoval,
		},
	}
}

func tableChecks() []Check {
	return []Check{
		{
			"decided on old facts",
			"Nobody is skipped for a reason that the facts before the request contradict.",
			decidedOnOldFacts,
		},
		{
			"wrong dead letters",
			"The dead letters are the bad events, one each, on the stream and in the table.",
			wrongDeadLetters,
		},
		{
			"ledger differs",
			"The ledger agrees with each invite's valid outcome, in every field.",
			ledgerDiffers,
		},
		{
			"facts differ",
			"The facts in the tables are those of a replay into an empty database.",
			factsDiffer,
		},
		{
			"deadlock",
			"Postgres has ended no transaction because of a deadlock.",
			deadlock,
		},
	}
}

// Finding is a promise that was not kept.
type Finding struct {
	Sign  string
	Cases []string
}

func (f Finding) String() string {
	const most = 5
	shown, left := f.Cases, ""
	if len(shown) > most {
		shown, left = shown[:most], fmt.Sprintf("\n  and %d more", len(f.Cases)-most)
	}
	return fmt.Sprintf("SIGN %s (%d):\n  %s%s", f.Sign, len(f.Cases), strings.Join(shown, "\n  "), left)
}

// Examine returns what is wrong in a world, or an error if it can't be read.
func Examine(w World) ([]Finding, error) {
	s, err := newScene(w)
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, check := range Checks() {
		if cases := check.find(s); len(cases) > 0 {
			found = append(found, Finding{check.Sign, cases})
		}
	}
	return found, nil
}
