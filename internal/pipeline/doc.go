// Package pipeline is where invites happen. Start reading here.
//
// # The life of one event
//
//  1. Upstream publishes an event. JetStream keeps it, with a sequence.
//  2. consume/consume.go takes it in a batch. What can't be read goes to the dead letters (consume/deadletter.go), and what
//     stands behind it goes on.
//  3. A fact ends here: facts/project.go writes it into the projection, unless a newer one is there already. What it says about
//     who has access is applied by facts/facts.go, in the stream's order.
//  4. A request waits until every fact before it is applied. Then decide/decide.go asks the rules for each recipient, and
//     decide/remove.go removes access. A bulk request becomes a run (runs/start.go), and runs/walk.go asks the rules page by page.
//  5. ledger/decide.go enters the answers, and ledger/tx.go writes them in one transaction: the invites, what they claim (access,
//     login), the run's sums and cursor, and the outcome events of those that are skipped. Only then is the message
//     acknowledged: a worker that dies before that is given it again and finds its own rows.
//  6. An individual invite that need not wait for anything has its attempt on record in that very transaction, and
//     deliver/sendnow.go hands it to the senders. All others are queued, and deliver/take.go takes them when they are due: while
//     the mail server takes mail (deliver/breaker.go), as many as it has shown to bear (deliver/window.go) and the rates allow
//     (deliver/pace.go). ledger/recheck.go asks the rules once more, by today's facts: a removal that overtook the invite wins.
//     It puts the attempt on record (ledger/attempt.go). deliver/send.go composes and sends the mail, deliver/record.go gathers
//     results, and deliver/settle.go writes each with its outcome, or when the mail is tried again (deliver/backoff.go).
//  7. announce/announce.go publishes the outcome events of the outbox and deletes what the stream has acknowledged.
//
// Afterwards upkeep/expire.go ends invites whose time is over, and upkeep/remind.go reminds. upkeep/held.go releases invites that
// were held because their mail may or may not have arrived. Years later upkeep/prune.go deletes what is of no use any more.
// Beside a worker, package answer opens links and says what would happen: by the same ledger and rules.
//
// # The rooms
//
// Each folder is a room: one stage or what several stages share. A room uses only those below it, and none knows this package.
//
//	             worker.go, lease.go                      answer
//	 ┌────────┬────────┬────┴───┬─────────┬─────────┐        │
//	decide   facts    runs   deliver   upkeep   announce      │
//	 └────────┴────┬───┴────────┴─────────┴──────────┼────────┘
//	         consume, ledger                          │
//	               └──────────── loop ────────────────┘
//
// Each stage is a loop of its own (loop/loop.go), with Postgres between them: a stage that stands still holds up none before it.
// The short way from decision to senders does not change that: what would have to wait there is queued. worker.go puts the
// stages of the two workers together; lease.go takes over from workers that died.
package pipeline
