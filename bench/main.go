// Command bench compares the pipeline with its floors, which are the same parts with nothing around them, and with its
// peers, which are what a user would build instead. docs/performance.md says how to read its results.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"portal-invites/bench/internal/measure"
	"portal-invites/bench/internal/page"
	"portal-invites/bench/internal/part"
	"portal-invites/bench/internal/rig"
	"portal-invites/bench/internal/row"
)

type command struct {
	Run  run        `cmd:"" default:"withargs" help:"Measure, and write a table (the default)."`
	Page show       `cmd:"" help:"Write the committed results into docs/performance.md, as every run with --out does."`
	Part part.Parts `cmd:"" hidden:"" help:"Run one part as a separate process."`
}

type run struct {
	Quick       bool          `help:"One small iteration of every row, to see that the benchmark works."`
	Rows        []string      `placeholder:"NAME" help:"Only these rows, by the beginning of their names."`
	Rounds      int           `placeholder:"3" help:"How many rounds; 3 if not given."`
	Scale       float64       `default:"1" placeholder:"1" help:"How much of the work: 0.1 is a tenth, for a first look."`
	Root        string        `default:".." type:"existingdir" help:"Folder of the main module."`
	Out         string        `placeholder:"FOLDER" help:"Folder for the results; if not given, they are only printed. --quick writes none."`
	Name        string        `placeholder:"latest" help:"Name of the result's two files. If not given: latest for a whole run, which docs/performance.md shows; partial for a run of some rows or at another scale."`
	Profile     string        `type:"path" placeholder:"FOLDER" help:"Write profiles of the workers and of the database's statements of the last round, in one folder for each row. Profiling makes the numbers slower."`
	Connections int           `default:"4" help:"SMTP connections of each contender."`
	Outage      time.Duration `placeholder:"1m" help:"How long the mail server is away in the row outage; 1m if not given."`
}

type show struct {
	Root string `default:".." type:"existingdir" help:"Folder of the main module."`
}

// Run is called by kong.
func (s show) Run() error { return page.Update(s.Root) }

// Run is called by kong.
func (r run) Run(ctx context.Context, out io.Writer) (err error) {
	sizes, err := r.sizes()
	if err != nil {
		return err
	}
	if r.Quick {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, quickWithin)
		defer cancel()
	}
	root, err := filepath.Abs(r.Root)
	if err != nil {
		return fmt.Errorf("--root: %w", err)
	}
	began := time.Now()
	up, err := rig.Up(ctx, rig.Config{Root: root, Connections: r.Connections, Ephemeral: r.Quick, Profile: r.Profile})
	defer func() { err = errors.Join(err, up.Down()) }()
	if err != nil {
		return err
	}
	b := &row.Bench{Sizes: sizes, Rig: up, Log: out}
	for _, each := range row.All() {
		if !r.wants(each.Name) {
			continue
		}
		if err = r.profileApart(up, each.Name); err != nil {
			break
		}
		if rowErr := each.Run(b, ctx); rowErr != nil {
			err = fmt.Errorf("row %q: %w", each.Name, rowErr)
			break
		}
	}
	if r.Quick {
		if err == nil {
			fmt.Fprintln(out, "Every row works. The numbers of such a small run say nothing about speed.")
		}
		return err
	}
	notes := r.notes(ctx, began, b)
	return errors.Join(err, r.write(out, notes, b))
}

// profileApart gives each row its own folder for its profiles.
func (r run) profileApart(up *rig.Rig, row string) error {
	if r.Profile == "" {
		return nil
	}
	up.Profile = filepath.Join(r.Profile, strings.ReplaceAll(row, " ", "-"))
	if err := os.MkdirAll(up.Profile, 0o755); err != nil { //nolint:gosec // G301: results are for everybody
		return fmt.Errorf("--profile: %w", err)
	}
	return nil
}

func (r run) sizes() (row.Sizes, error) {
	sizes := row.Full()
	if r.Quick {
		sizes = row.Quick()
	}
	if r.Scale <= 0 || r.Scale > 10 {
		return sizes, errors.New("--scale: must be above 0 and at most 10 (example: 0.1)")
	}
	if r.Scale != 1 {
		sizes = sizes.Scaled(r.Scale)
	}
	if r.Outage > 0 {
		sizes.Outage = r.Outage
	}
	if r.Rounds > 0 {
		sizes.Rounds = r.Rounds
	}
	return sizes, nil
}

// quickWithin is the time limit of a quick run, which takes half a minute on a quiet machine.
const quickWithin = 8 * time.Minute

func (r run) wants(name string) bool {
	for _, wanted := range r.Rows {
		if strings.HasPrefix(name, wanted) {
			return true
		}
	}
	return len(r.Rows) == 0
}

// notes describe the machine and the settings. Without them, the numbers mean nothing.
func (r run) notes(ctx context.Context, began time.Time, b *row.Bench) [][2]string {
	return [][2]string{
		{"goos", runtime.GOOS},
		{"goarch", runtime.GOARCH},
		{"cpus", fmt.Sprint(runtime.NumCPU())},
		{"go", runtime.Version()},
		{"began", began.UTC().Format(time.RFC3339)},
		{"took", time.Since(began).Round(time.Second).String()},
		{"rounds", fmt.Sprint(b.Rounds)},
		{"scale", fmt.Sprint(r.Scale)},
		{
			"postgres",
			b.Rig.PostgresVersion(ctx) + ", fsync, full_page_writes and synchronous_commit on, 1 GB of shared buffers",
		},
		{"broker", "sync_interval always; events in, the reset and the flood: the server's default of two minutes"},
		{"smtp-connections", fmt.Sprint(r.Connections)},
		{"load", rig.Load()},
	}
}

func (r run) write(out io.Writer, notes [][2]string, b *row.Bench) error {
	if err := measure.WriteTable(out, notes, b.Samples, b.Ratios); err != nil || r.Out == "" {
		return err
	}
	if err := os.MkdirAll(r.Out, 0o755); err != nil { //nolint:gosec // G301: results are for everybody
		return fmt.Errorf("--out: %w", err)
	}
	err := errors.Join(
		writeFile(filepath.Join(r.Out, r.name()+".md"), func(w io.Writer) error {
			_, err := fmt.Fprint(w,
				"# Floors and peers\n\nWritten by `make bench`; docs/performance.md says how to read it.\n\n")
			if err != nil {
				return err
			}
			return measure.WriteTable(w, notes, b.Samples, b.Ratios)
		}),
		writeFile(filepath.Join(r.Out, r.name()+".txt"), func(w io.Writer) error {
			return measure.WriteBenchstat(w, notes, b.Samples)
		}),
	)
	if err != nil {
		return err
	}
	if r.name() == partial {
		fmt.Fprintf(out, "The numbers of a partial run are in %s, and docs/performance.md is unchanged.\n",
			filepath.Join(r.Out, partial+".md"))
		return nil
	}
	return page.Update(r.Root)
}

// partial is the name of results that must not take the place of a whole run's, on which docs/performance.md stands.
const partial = "partial"

func (r run) name() string {
	switch {
	case r.Name != "":
		return r.Name
	case len(r.Rows) > 0 || r.Scale != 1 || r.Profile != "":
		return partial
	default:
		return "latest"
	}
}

func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	return errors.Join(write(file), file.Close())
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k := kong.Parse(&command{}, kong.Name("bench"),
		kong.Description("Compares the pipeline with its floors and peers, and writes a table of ratios."),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(os.Stdout, (*io.Writer)(nil)))
	k.FatalIfErrorf(k.Run())
}
