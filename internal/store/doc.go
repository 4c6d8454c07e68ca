// Package store keeps the facts, the ledger of invites and the outbox in Postgres. It performs and remembers; it decides
// nothing. Work comes in batches: the statements take arrays, and everything that belongs together is one [Store.Tx].
//
// migrations/ shows the tables; each file beside it has the statements about one of them next to the function that runs them.
package store
