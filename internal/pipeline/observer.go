package pipeline

import (
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Observer is told what happens, for metrics and health. Its methods must not block.
type Observer interface {
	// Handled: a batch of n messages of a durable is done with, in this time.
	Handled(durable string, n int, took time.Duration)
	// Buried: a message went to the dead letters.
	Buried(durable string)
	// Decided: a recipient was decided; reason is empty where the invite is queued.
	Decided(lane store.Lane, reason rules.Code)
	// Attempted: a mail was handed to the server, or was not.
	Attempted(lane store.Lane, verdict mail.Verdict, took time.Duration)
	// Queued: n invites of a lane wait to leave, over all its workers, and the longest one could have left this long ago.
	Queued(lane store.Lane, n int, oldest time.Duration)
	// Announced: outcome events are on the stream.
	Announced(t events.Type, n int)
	// Pruned: n rows that were of no use any more are deleted; what is invites, requests, runs or dead_letters.
	Pruned(what string, n int)
	// Waiting: a stage waits for something that is away, or goes again.
	Waiting(stage string, waiting bool)
}

type nobody struct{}

func (nobody) Handled(string, int, time.Duration)                {}
func (nobody) Buried(string)                                     {}
func (nobody) Decided(store.Lane, rules.Code)                    {}
func (nobody) Attempted(store.Lane, mail.Verdict, time.Duration) {}
func (nobody) Queued(store.Lane, int, time.Duration)             {}
func (nobody) Announced(events.Type, int)                        {}
func (nobody) Pruned(string, int)                                {}
func (nobody) Waiting(string, bool)                              {}
