package oracle

import "time"

// World is what was seen from outside after everything had come to rest.
type World struct {
	Events   []Message // PORTAL_EVENTS, in the stream's order
	Outcomes []Message // INVITE_OUTCOMES, in the stream's order
	Letters  []Message // PORTAL_DEAD_LETTERS, in the stream's order
	Mails    []Mail    // in the order of arrival
	Ledger   Ledger
	// Facts are the rows of the projection, and Replayed the rows after a worker has applied the same facts to an empty
	// database: by table, each row as text, sorted.
	Facts, Replayed map[string][]string
	// Bad are the sequences of the events that nobody can handle, known to who has published them.
	Bad []uint64
	// Barred are people who must get no more mail.
	Barred []Barred
	// AnswersKept says that nothing was done that could lose a mail server's answer, or the worker that waits for one.
	AnswersKept bool
}

// Message is one message of a stream. The names of its headers are in lower case.
type Message struct {
	Sequence uint64
	Subject  string
	Header   map[string]string
	Body     []byte
}

// Mail is one mail that the mail server has taken.
type Mail struct {
	To, MessageID, Link string
	At                  time.Time
}

// Barred is an email for which no attempt may begin from a time on, because a removal or a block of it is in the
// tables.
type Barred struct {
	Email string
	From  time.Time
}

// Ledger is what the tables say about invites and runs.
type Ledger struct {
	Invites   []Invite
	Attempts  []Attempt
	Runs      []Run
	Letters   []uint64 // dead letters, by the sequence of the event
	Outbox    int      // outcomes that are not published
	Deadlocks int      // of the database, as PostgreSQL counts them
}

// Invite is a row of the ledger, with the request that it answers.
type Invite struct {
	ID, Firm, Source, EventID, Client, Contact, AddedEmail string
	Kind, Lane, Run, Replay, State, Reason, Person         string
	Reasons                                                []string
	Revision, Attempt                                      int
	Decided                                                time.Time
	Sent, Expires                                          *time.Time
}

// isUnfinished says whether the ledger shows that the invite's mail has yet to leave.
func (i Invite) isUnfinished() bool { return i.State == "queued" || i.State == "sending" }

// Attempt is one try to send one mail.
type Attempt struct {
	Invite             string
	Number             int
	MessageID, Verdict string
	Started            time.Time
}

// Run is a row of the ledger about one bulk request or replay.
type Run struct {
	ID, Firm, Source, EventID                string
	Selected, Sent, Skipped, Failed, Pending int
	Quiet, Completed                         bool
}
