package oracle

import "fmt"

// deadlock reports the deadlocks that Postgres has counted.
func deadlock(s *scene) []string {
	if s.Ledger.Deadlocks == 0 {
		return nil
	}
	return []string{fmt.Sprintf("pg_stat_database counts %d", s.Ledger.Deadlocks)}
}
