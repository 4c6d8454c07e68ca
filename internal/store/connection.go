package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// vettedBy begins the key in a connection's custom data that says who has vetted it. Only the goroutine that has the
// connection uses that data.
const vettedBy = "vetted by "

type learnedKey struct{}

// WithLearned returns a context for work that goes by what a worker has learned from its database of that number. Such
// work must not be committed to another one: see [Learned].
func WithLearned(ctx context.Context, database int64) context.Context {
	return context.WithValue(ctx, learnedKey{}, database)
}

// Learned returns the number of the database from which a worker has learned what its work goes by, if the work goes by
// such a thing.
func Learned(ctx context.Context) (database int64, ok bool) {
	database, ok = ctx.Value(learnedKey{}).(int64)
	return database, ok
}

// Vetted says whether the transaction's connection was vetted by a worker ([Tx.Vet]). A connection does not survive
// that its database is restored. So whoever has vetted it knows that the database is still the one it was.
func (t *Tx) Vetted(by uuid.UUID) bool {
	_, vetted := t.tx.Conn().PgConn().CustomData()[vettedBy+by.String()]
	return vetted
}

// Vet marks the transaction's connection as vetted.
func (t *Tx) Vet(by uuid.UUID) { t.tx.Conn().PgConn().CustomData()[vettedBy+by.String()] = true }

// Database identifies the running database behind the transaction's connection. A database that was restored is another
// one, since it was created anew, or its server was started again.
func (t *Tx) Database(ctx context.Context) (id string, err error) {
	err = t.tx.QueryRow(ctx, `
		SELECT oid || ' ' || pg_postmaster_start_time() FROM pg_database WHERE datname = current_database()`).Scan(&id)
	if err != nil {
		return "", fmt.Errorf("identify the database: %w", err)
	}
	return id, nil
}
