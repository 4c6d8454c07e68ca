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

// riverNoop inserts jobs and works them, as fast as River does. It says how
// long it took, from the first insert until every job is completed on record.
type riverNoop struct {
	Jobs int `required:"" help:"How many."`
}

type noop struct {
	N int `json:"n"`
}

// Kind is River's name for the job.
func (noop) Kind() string { return "noop" }

type noopWorker struct{ queue.WorkerDefaults[noop] }

// Work does nothing.
func (*noopWorker) Work(context.Context, *queue.Job[noop]) error { return nil }

// riverConns is a pool that none of River's parts has to wait for.
const riverConns = 20

// Run is what kong calls.
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
	completed, cancel := client.SubscribeConfig(&queue.SubscribeConfig{Kinds: []queue.EventKind{queue.EventKindJobCompleted}, ChanSize: r.Jobs + 1})
	defer cancel()
	ready(out)

	began := time.Now()
	jobs := make([]queue.InsertManyParams, r.Jobs)
	for i := range jobs {
		jobs[i].Args = noop{N: i}
	}
	// The fast way in (COPY); workers take the first batch while the next is inserted.
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

// newRiver brings River's schema into a database and makes a client that
// fetches as eagerly as it can.
func newRiver(ctx context.Context, databaseURL string, workers *queue.Workers, maxWorkers int) (*queue.Client[pgx.Tx], *pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, nil, fmt.Errorf("DATABASE_URL: %w", err)
	}
	cfg.MaxConns = riverConns
	// With plans from when its tables were empty, which River's driver keeps, the peer would read them from end to end for
	// each job, and be measured by that.
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
		return nil, nil, fmt.Errorf("bring in River's schema: %w", err)
	}
	client, err := queue.NewClient(driver.New(pool), &queue.Config{
		Queues:  map[string]queue.QueueConfig{queue.QueueDefault: {MaxWorkers: maxWorkers}},
		Workers: workers,
		// The least there is: throughput and latency are limited by it.
		FetchCooldown: time.Millisecond, FetchPollInterval: 10 * time.Millisecond,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("make River's client: %w", err)
	}
	return client, pool, nil
}

// stop lets jobs finish that River has begun, also where the context has ended.
func stop(ctx context.Context, client *queue.Client[pgx.Tx]) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return client.Stop(ctx)
}
