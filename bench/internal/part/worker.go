package part

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"time"

	"portal-invites/internal/app"
	"portal-invites/internal/pipeline"
)

// worker runs a worker's command inside this program and writes its profiles: the CPU, all allocations, and the heap at
// its largest.
type worker struct {
	Command string `required:"" enum:"invite-worker,bulk-worker" help:"The worker to run."`
	Folder  string `required:"" type:"existingdir" help:"The folder for the profiles."`
}

// Run is called by kong.
func (w worker) Run(ctx context.Context) (err error) {
	file, err := os.Create(filepath.Join(w.Folder, w.Command+".cpu.pprof"))
	if err != nil {
		return fmt.Errorf("write the profile: %w", err)
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return fmt.Errorf("write the profile: %w", err)
	}
	defer func() {
		pprof.StopCPUProfile()
		err = errors.Join(err, file.Close(), w.write("allocs", "allocs"))
	}()
	watchCtx, stop := context.WithCancel(ctx)
	defer stop()
	go w.watchHeap(watchCtx)

	newWorker := app.NewWorker(pipeline.NewInviteWorker)
	if w.Command == "bulk-worker" {
		newWorker = pipeline.NewBulkWorker
	}
	streams := app.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}
	if code := app.Run(ctx, w.Command, "", &app.WorkerCommand{}, nil, streams, newWorker); code != 0 {
		return fmt.Errorf("%s ended with exit code %d", w.Command, code)
	}
	return nil
}

// watchHeap writes a profile of the heap each time the heap has become larger than before.
func (w worker) watchHeap(ctx context.Context) {
	ticker := time.NewTicker(250 * time.Millisecond)
	defer ticker.Stop()
	var largest uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if m.HeapInuse > largest+largest/10 {
			largest = m.HeapInuse
			_ = w.write("heap", "heap")
		}
	}
}

func (w worker) write(profile, name string) error {
	file, err := os.Create(filepath.Join(w.Folder, w.Command+"."+name+".pprof"))
	if err != nil {
		return fmt.Errorf("write the profile: %w", err)
	}
	return errors.Join(pprof.Lookup(profile).WriteTo(file, 0), file.Close())
}
