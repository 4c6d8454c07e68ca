// Package events defines the events on the broker and how they get there: the contract's types with their validation,
// the CloudEvents envelope, the topology of streams, subjects and durables, and publishing to and fetching from
// JetStream.
//
// topology.go shows every stream, subject and durable in one block. types.go lists every event type, and table.go has a
// row for each with all that differs by type.
package events
