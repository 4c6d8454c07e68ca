package rig

import (
	"context"
	"syscall"
	"time"
)

// Meter reads what an interval has cost, apart from time: the log's bytes and
// the CPU of each server.
type Meter struct {
	rig    *Rig
	broker *Broker
	worker *Process // nil: there is none
	wal    int64
	cpu    map[string]time.Duration
}

// Measure begins an interval. worker may be nil.
func (r *Rig) Measure(ctx context.Context, b *Broker, worker *Process) *Meter {
	m := &Meter{rig: r, broker: b, worker: worker}
	m.wal, m.cpu = r.wal(ctx), m.read()
	return m
}

func (m *Meter) read() map[string]time.Duration {
	cpu := map[string]time.Duration{
		"postgres": m.rig.postgresCPU(),
		"broker":   cpuOf(m.broker.Pid()),
		"sink":     cpuOf(m.rig.Sink.Pid()),
		"bench":    ownCPU(),
	}
	if m.worker != nil {
		cpu["worker"] = cpuOf(m.worker.Pid())
	}
	return cpu
}

// AllCPU is the unit of the CPU time that all processes together have taken.
// It compares contenders also where other programs keep the machine busy, which
// makes all of them wait and none of them work more.
const AllCPU = "all-cpu-ns"

// Each ends the interval and returns its cost for each of n operations, by
// unit: WAL-B, and the CPU of each process and of all in nanoseconds.
func (m *Meter) Each(ctx context.Context, n int) map[string]float64 {
	each := map[string]float64{"WAL-B": float64(m.rig.wal(ctx)-m.wal) / float64(n)}
	for who, spent := range m.read() {
		cpu := float64(spent-m.cpu[who]) / float64(n)
		each[who+"-cpu-ns"] = cpu
		each[AllCPU] += cpu
	}
	return each
}

// ownCPU is this process's own time, without its children's.
func ownCPU() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
