// Package store keeps the facts, the ledger of invites and the outbox in Postgres. It performs and remembers; it decides
// nothing. Work comes in batches: the statements take arrays, and everything that belongs together is one [Store.Tx].
//
// # The files
//
// migrations/ shows the tables, and states.go the steps that an invite and an access may take. A table is written in one file, which
// has each statement next to the function that runs it:
//
//   - facts_write.go: firms, clients, contacts, suppressions, templates. facts.go collects what it writes.
//   - requests.go, runs.go, attempts.go, outbox.go, workers.go, deadletters.go, rates.go: the tables of these names.
//   - invites_write.go: invites. invites.go has the type, and reads invites by their ids; due.go takes those that are due.
//   - held.go: what was decided about invites that were held.
//   - access_write.go: access, the removals that end it, and logins where they change in the same statement. access.go has the
//     types; logins.go writes logins by themselves.
//   - prune.go: deletes what is over, from whatever table.
//
// What changes several tables together (a take-over, a claim of due invites) names the statements of their files. read_*.go is what
// somebody asks for who changes nothing: the rules (read_book.go), a run (read_candidates.go, read_replayable.go), or a service.
//
// store.go has the connection and the transaction, migrate.go the schema's, and rows.go what reads and writes rows of any table.
package store
