package rig

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTick is USER_HZ, the unit of /proc/PID/stat: 100 on every Linux that Go
// runs on.
const clockTick = 10 * time.Millisecond

// cpuOf is the CPU time of a process and its children, also of those that have
// ended. It is zero where there is no /proc.
func cpuOf(pid int) time.Duration {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var total time.Duration
	for _, path := range stats {
		fields := statFields(path)
		if fields == nil {
			continue
		}
		self := filepath.Base(filepath.Dir(path)) == strconv.Itoa(pid)
		if !self && fields[1] != strconv.Itoa(pid) {
			continue
		}
		total += ticks(fields[11]) + ticks(fields[12])
		if self {
			total += ticks(fields[13]) + ticks(fields[14]) // of children that were waited for
		}
	}
	return total
}

// statFields are the fields behind the program's name, which may have spaces
// and brackets in it: state is 0, the parent 1, the times 11 to 14 (proc(5)).
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

// peakRSS is the most memory a process has had so far, in bytes, and zero where
// there is no /proc.
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
