package part

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	driver "github.com/riverqueue/river/riverdriver/riverpgxv5"

	queue "github.com/riverqueue/river"
	"github.com/riverqueue/river/rivermigrate"
)

// riverNoop inserts and works jobs as fast as River can. It prints how long that took, from the first insert until
// every job is recorded as completed.
type riverNoop struct {
	Jobs int `required:"" help:"The number of jobs."`
}

type noop struct {
	N int `json:"n"`
}

// Kind returns River's name for the job.
func (noop) Kind() string { return "noop" }

type noopWorker struct{ queue.WorkerDefaults[noop] }

// Work does nothing.
func (*noopWorker) Work(context.Context, *queue.Job[noop]) error { return nil }

// riverConns is the size of the pool. It is large enough that no part of River waits for a connection.
const riverConns = 20

// Run is called by kong.
func (r riverNoop) Run(ctx context.Context, out io.Writer) error {
	workers := queue.NewWorkers()
	queue.AddWorker(workers, &noopWorker{})
	client, pool, err := newRiver(ctx, os.Getenv("DATABASE_URL"), workers, 2000)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := client.Start(ctx); err != nil {
		return fmt.Errorf("start River: %w", err)
	}
	completed, cancel := client.SubscribeConfig(&queue.SubscribeConfig{
		Kinds: []queue.EventKind{queue.EventKindJobCompleted}, ChanSize: r.Jobs + 1,
	})
	defer cancel()
	ready(out)

	began := time.Now()
	jobs := make([]queue.InsertManyParams, r.Jobs)
	for i := range jobs {
		jobs[i].Args = noop{N: i}
	}
	// This is the fast way to insert (COPY). The workers take the first batch while the next one is inserted.
	for batch := range slices.Chunk(jobs, 5000) {
		if _, err := client.InsertManyFast(ctx, batch); err != nil {
			return fmt.Errorf("insert jobs: %w", err)
		}
	}
	for range r.Jobs {
		select {
		case <-completed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	fmt.Fprintf(out, "took %d\n", time.Since(began).Nanoseconds())
	untilStopped(ctx)
	return stop(ctx, client)
}

// newRiver migrates a database to River's schema, and returns a client that fetches as often as possible.
func newRiver(
	ctx context.Context, databaseURL string, workers *queue.Workers, maxWorkers int,
) (*queue.Client[pgx.Tx], *pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	cfg.MaxConns = riverConns
	// River's driver keeps its query plans, and would keep those from when its tables were empty. Then the peer would read
	// whole tables for each job, and that would be measured.
	settings := cfg.ConnConfig.RuntimeParams
	settings["random_page_cost"], settings["enable_seqscan"] = "1.1", "off"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("open the pool: %w", err)
	}
	migrator, err := rivermigrate.New(driver.New(pool), nil)
	if err != nil {
		return nil, nil, fmt.Errorf("prepare River's schema: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, nil, fmt.Errorf("migrate to River's schema: %w", err)
	}
	client, err := queue.NewClient(driver.New(pool), &queue.Config{
		Queues:  map[string]queue.QueueConfig{queue.QueueDefault: {MaxWorkers: maxWorkers}},
		Workers: workers,
		// These are the smallest possible values, since they limit throughput and latency.
		FetchCooldown: time.Millisecond, FetchPollInterval: 10 * time.Millisecond,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("make River's client: %w", err)
	}
	return client, pool, nil
}

// stop lets River finish the jobs that it has begun, even if the context has ended.
func stop(ctx context.Context, client *queue.Client[pgx.Tx]) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return client.Stop(ctx)
}
