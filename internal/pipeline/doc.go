// Package pipeline is where invites happen. Start reading here.
//
// # The life of one event
//
//  1. Upstream publishes an event. JetStream keeps it, with a sequence.
//  2. consume.go takes it in a batch. What can't be read goes to the dead letters, and what stands behind it goes on.
//  3. A fact ends here: facts.go writes it into the projection, unless a newer one is there already. What it says about who has
//     access is applied by access.go, in the stream's order.
//  4. A request waits until every fact before it is applied. Then decide.go asks the rules for each recipient. A bulk request
//     becomes a run (runs.go), and fanout.go asks the rules page by page.
//  5. ledger.go writes, in one transaction: the invites, what they take hold of (access, login), the run's sums and cursor, and
//     the outcome events of those that are skipped. Only then is the message acknowledged: a worker that dies before that is
//     given it again and finds its own rows.
//  6. An individual invite that need not wait for anything has its attempt on record in that very transaction, and atonce.go
//     hands it to the senders. All others are queued, and deliver.go takes them when they are due: while the mail server takes
//     mail (breaker.go), as many as it has shown to bear (window.go) and the rates allow (pace.go). It asks the rules once more on
//     today's facts (a removal that overtook the invite wins) and puts the attempt on record. send.go composes and sends the
//     mail, and record.go writes the result and its outcome, or when it is tried again (backoff.go).
//  7. announce.go publishes the outcome events of the outbox and deletes what the stream has acknowledged.
//
// What may or may not have arrived and is held for a person to decide, held.go brings to an end.
//
// Afterwards access.go ends invites whose time is over and applies removals, remind.go reminds, and redeem.go opens links. Years
// later prune.go deletes what is of no use any more.
// explain.go and preview.go answer for what would happen, with the same rules, and write nothing.
//
// Each stage is a loop of its own (loop.go), with Postgres between them: a stage that stands still holds up none before it. The
// short way from decision to senders does not change that: what would have to wait there is queued.
// worker.go puts the stages of the two workers together; takeover.go takes over from workers that died.
package pipeline
