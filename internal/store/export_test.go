package store

import (
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// What the tests of plans look at.
const (
	DueInTurns = dueInTurns
	AnyDue     = anyDue
	HeldPage   = heldPage
	HeldNow    = heldNow
	KeepPlans  = keepPlans
	PlannedAt  = plannedAt
)

// Pool is the store's.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// RemindersDue is the statement of [Tx.RemindersDue].
func RemindersDue() string { return remindersDue }

// Impatient is a connection that fails after its patience.
func Impatient(c net.Conn, patience time.Duration) net.Conn {
	return &impatient{Conn: c, patience: patience}
}
