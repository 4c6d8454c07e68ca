package rig

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of /proc/PID/stat: USER_HZ is 100 on every Linux that Go supports.
const clockTick = 10 * time.Millisecond

// cpuOf returns the CPU time of a process and its children, including those that have ended. It is zero on a system
// without /proc.
func cpuOf(pid int) time.Duration {
	// A child that ends while we read could be counted twice or not at all. So read again until no child has ended.
	for {
		before := endedOf(pid)
		total := before + livingOf(pid)
		if endedOf(pid) == before {
			return total
		}
	}
}

// endedOf returns the CPU time of the children that have ended and were reaped.
func endedOf(pid int) time.Duration {
	fields := statFields("/proc/" + strconv.Itoa(pid) + "/stat")
	if fields == nil {
		return 0
	}
	return ticks(fields[13]) + ticks(fields[14])
}

// livingOf returns the CPU time of a process and its living children.
func livingOf(pid int) time.Duration {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var total time.Duration
	for _, path := range stats {
		fields := statFields(path)
		self := filepath.Base(filepath.Dir(path)) == strconv.Itoa(pid)
		if fields != nil && (self || fields[1] == strconv.Itoa(pid)) {
			total += ticks(fields[11]) + ticks(fields[12])
		}
	}
	return total
}

// statFields returns the fields after the program's name, which may have spaces and brackets. Field 0 is the state, 1
// is the parent, and 11 to 14 are the times (proc(5)).
func statFields(path string) []string {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil // the process has ended in the meantime
	}
	text := string(content)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 15 {
		return nil
	}
	return fields
}

func ticks(field string) time.Duration {
	n, _ := strconv.ParseInt(field, 10, 64)
	return time.Duration(n) * clockTick
}

// peakRSS returns the most memory that a process has used so far, in bytes. It is zero on a system without /proc.
func peakRSS(pid int) int64 {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(content)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			kilobytes, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}
