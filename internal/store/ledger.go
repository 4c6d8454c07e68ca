package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// LedgerID returns the id of this database as a ledger. The first call chooses it. It never changes after that.
func (s *Store) LedgerID(ctx context.Context) (id uuid.UUID, err error) {
	if _, err = s.pool.Exec(ctx, `INSERT INTO ledger (id) VALUES ($1) ON CONFLICT DO NOTHING`, uuid.New()); err == nil {
		err = s.pool.QueryRow(ctx, `SELECT id FROM ledger`).Scan(&id)
	}
	if err != nil {
		return uuid.Nil, fmt.Errorf("read the ledger's id: %w", err)
	}
	return id, nil
}
