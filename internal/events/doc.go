// Package events is what is said on the broker and how it travels: the types of the contract with their validation, the
// CloudEvents envelope, the topology of streams, subjects and durables, and the ways in and out of JetStream.
//
// topology.go shows every stream, subject and durable in one block; types.go every event type, and
// table.go all that is told apart by type: a row for each.
package events
