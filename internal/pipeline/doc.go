// Package pipeline decides and sends invites. Start reading here.
//
// # The life of one event
//
//  1. Upstream publishes an event. JetStream keeps it and gives it a sequence.
//  2. consume/consume.go fetches it in a batch. An event that can't be read becomes a dead letter
//     (consume/deadletter.go). The events behind it go on.
//  3. A fact ends here. facts/project.go writes it into the projection, unless the projection has a newer one. A fact
//     that says who has access is applied by facts/facts.go, in the stream's order within its firm.
//  4. A request waits until every fact of its firm before it is applied. If that takes too long, consume/barrier.go has
//     these facts applied (ADR 76). Then decide/decide.go asks the rules about each recipient, and decide/remove.go
//     removes access. A bulk request becomes a run (runs/start.go), and runs/walk.go asks the rules page by page.
//  5. ledger/decide.go enters the decisions, and ledger/tx.go writes them in one transaction: the invites, what they
//     reserve (access and login), the run's sums and checkpoint, and the outcome events of skipped invites. Only after
//     that the message is acknowledged. If the worker dies before that, the message is redelivered, and its own rows
//     are found.
//  6. If an individual invite need not wait for anything, the same transaction records its attempt, and
//     deliver/sendnow.go gives it to the mailers. All other invites are queued. deliver/take.go claims them when they
//     are due: while the mail server accepts mail (deliver/breaker.go), as many as the window allows
//     (deliver/window.go) and as the rates allow (deliver/pace.go). ledger/recheck.go decides them again on today's
//     facts, so a removal that overtook an invite wins. It records the attempt (ledger/attempt.go). deliver/send.go
//     composes and sends the mail. deliver/record.go gathers results. deliver/settle.go writes each result with its
//     outcome, or with the time of the next attempt (deliver/backoff.go). Each sender that a firm may name has all of
//     this for itself (deliver/senders.go).
//  7. announce/announce.go publishes the outcome events of the outbox, and deletes them when the stream has
//     acknowledged them.
//
// After that, upkeep/expire.go expires invites, and upkeep/remind.go sends reminders. upkeep/revise.go tells the sums
// of completed runs that have changed since. upkeep/held.go ends holds that need no ruling. upkeep/pause.go pauses
// firms whose mails come back too often. upkeep/senders.go lets queued invites follow a firm that names another sender,
// and upkeep/merged.go moves what was written for a contact at the moment when it was merged. Years later
// upkeep/prune.go deletes finished invites. Beside a worker, package answer opens links and explains decisions, with
// the same ledger and rules.
//
// # The rooms
//
// Each folder is a room (ADR 73): one stage, or what several stages share. A room imports only rooms below it, and no
// room imports this package.
//
//	             worker.go, lease.go                                 answer
//	 ┌────────┬────────┬────┴───┬─────────┬─────────┬─────────┐       │
//	decide   facts    runs   deliver   upkeep   announce   recovery   │
//	 └────────┴────┬───┴────────┴─────────┴─────────┼─────────┼───────┘
//	         consume, ledger                        │         │
//	               └──────────── loop ──────────────┴─────────┘
//
// Each stage is a loop of its own (loop/loop.go), and Postgres is between them. So a stage that is blocked does not
// block the stages before it. That is also true for the direct way from decision to mailers, because an invite that
// would have to wait there is queued. worker.go puts the stages of the two workers together. lease.go takes over from
// workers that died. recovery/watch.go notices that the database was restored to an earlier moment. Until that is
// mended, the other stages stand still (ADR 87).
package pipeline
