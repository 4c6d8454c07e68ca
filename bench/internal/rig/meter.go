package rig

import (
	"context"
	"syscall"
	"time"
)

// Meter measures the cost of an interval apart from its time: the bytes of WAL, and the CPU time of each process.
type Meter struct {
	rig    *Rig
	broker *Broker
	worker *Process // nil if there is none
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

// AllCPU is the unit of the CPU time of all processes together. It compares contenders even if other programs keep the
// machine busy, since then all contenders wait longer but use no more CPU time.
const AllCPU = "all-cpu-ns"

// Each ends the interval and returns its cost for each of n operations, by unit: WAL-B, and the CPU time of each
// process and of all of them, in nanoseconds.
func (m *Meter) Each(ctx context.Context, n int) map[string]float64 {
	each := map[string]float64{"WAL-B": float64(m.rig.wal(ctx)-m.wal) / float64(n)}
	for process, spent := range m.read() {
		cpu := float64(spent-m.cpu[process]) / float64(n)
		each[process+"-cpu-ns"] = cpu
		each[AllCPU] += cpu
	}
	return each
}

// ownCPU returns the CPU time of this process, without its children.
func ownCPU() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
