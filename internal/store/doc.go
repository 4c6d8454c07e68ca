// Package store keeps the facts, the ledger of invites and the outbox in Postgres (ADR 1). It writes and reads; it
// decides nothing. Work comes in batches: the statements take arrays, and everything that belongs together is one
// [Store.Tx].
//
// # The files
//
// migrations/ has the tables, and states.go the transitions that an invite and an access may make. Each table is
// written in one file, and each statement is next to the function that runs it:
//
//   - facts_write.go: firms, clients, contacts, templates. facts.go collects what it writes.
//   - suppressions.go, declines.go: the tables of these names.
//   - requests.go, runs.go, plans.go, attempts.go, outbox.go, workers.go, deadletters.go, rates.go, fact_floors.go: the
//     tables of these names.
//   - invites_write.go: invites. invites.go has the type, and reads invites by their ids. due.go takes those that are
//     due.
//   - merges.go: which contacts were merged. The files of the other tables move their rows.
//   - event_streams.go: what the ledger knows about the stream of events.
//   - outcome_streams.go: how far it knows the stream of outcomes. recovered.go: what was recovered from that stream.
//   - event_gaps.go: events that the stream has deleted before they were handled.
//   - durable_floors.go: up to where each durable's messages are in this database.
//   - ledger.go: the id of this database.
//   - held.go: the rulings on held invites.
//   - access_write.go: access, the removals that end it, and logins where they change in the same statement. access.go
//     has the types, and grants.go what grants mean. logins.go writes logins alone.
//   - counts.go, firm_rates.go: what counts against limits.
//   - prune.go: deletes finished rows, from all tables.
//   - migrations/00094_ledger_now.sql: what time it is for the ledger (ADR 176). Statements call ledger_now() and not
//     now().
//   - migrations/00076_statuses.sql: statuses, by triggers on the tables from which a status follows (ADR 156).
//
// A function that changes several tables together (a take-over, a claim of due invites) uses the statements of their
// files. The files read_*.go only read: for the rules (read_book.go, read_newer.go), for a run (read_candidates.go,
// read_replayable.go), and for the services.
//
// store.go has the connections and the transaction, silence.go their deadlines, and connection.go says which database
// is behind one. migrate.go runs the migrations, and rows.go has what reads and writes rows of any table.
package store
