package systemtest

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// measure is something that must not grow.
type measure struct {
	name string
	unit string
	most int
}

// measures are what a soak looks at. Those of processes are of the worker that has most.
var measures = []measure{
	{"memory", "MB", mostMemory >> 10},
	{"goroutines", "", 1000},
	{"descriptors", "", 500},
	{"connections", "of all workers to the database", 160},
	{"dead rows", "% of the living ones", 200},
	{"outbox", "kB on disk", 64 << 10},
	{"log", "MB of the write-ahead log", 1 << 10},
	{"slots", "replication slots", 0},
}

func (m measure) over(most int) string {
	return strings.TrimSpace(fmt.Sprintf("%s: %d %s", m.name, most, m.unit)) + fmt.Sprintf(", more than %d", m.most)
}

func (m measure) grew(before, after int) string {
	return fmt.Sprintf("%s grows: %d in the first third of the time, %d in the last one", m.name, before, after)
}

// sample has the value of each measure, by its name.
type sample map[string]int

func (s sample) String() string {
	parts := make([]string, len(measures))
	for i, m := range measures {
		parts[i] = fmt.Sprintf("%s %d", m.name, s[m.name])
	}
	return strings.Join(parts, ", ")
}

// sample measures now. A worker that is just being started again counts as nothing.
func (o *office) sample() sample {
	s := sample{}
	for _, w := range o.workers {
		pid := w.cmd.Process.Pid
		s["memory"] = max(s["memory"], numberOf(`VmRSS:\s+(\d+) kB`, readFile("/proc/%d/status", pid))>>10)
		s["goroutines"] = max(s["goroutines"], numberOf(`(?m)^go_goroutines (\d+)`, w.metrics()))
		descriptors, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		s["descriptors"] = max(s["descriptors"], len(descriptors))
	}
	var connections, dead, outbox, log, slots int
	err := o.DB.QueryRow(o.Ctx, `
		SELECT (SELECT count(*) FROM pg_stat_activity
				WHERE datname = current_database() AND application_name = 'portal-invites'),
			(SELECT (100 * sum(n_dead_tup) / greatest(sum(n_live_tup), 10000))::int FROM pg_stat_user_tables),
			pg_table_size('outbox') / 1024`).Scan(&connections, &dead, &outbox)
	if err == nil {
		err = o.super.QueryRow(o.Ctx, `
			SELECT (SELECT sum(size) / 1024 / 1024 FROM pg_ls_waldir())::int, (SELECT count(*) FROM pg_replication_slots)`).
			Scan(&log, &slots)
	}
	if err != nil { // the connection was ended by a fault
		o.t.Logf("no numbers of the database this time: %v", err)
	}
	s["connections"], s["dead rows"], s["outbox"], s["log"], s["slots"] = connections, dead, outbox, log, slots
	return s
}

var serving = regexp.MustCompile(`"addr":"([^"]+)".*serving /livez`)

// metrics returns the metrics of a worker, or nothing while it is not up.
func (w *faultWorker) metrics() string {
	at := serving.FindStringSubmatch(w.log.String())
	if at == nil {
		return ""
	}
	response, err := http.Get("http://" + at[1] + "/metrics") //nolint:noctx // it is this machine
	if err != nil {
		return ""
	}
	defer func() { _ = response.Body.Close() }()
	content, _ := io.ReadAll(response.Body)
	return string(content)
}

func readFile(format string, pid int) string {
	content, _ := os.ReadFile(fmt.Sprintf(format, pid))
	return string(content)
}

// numberOf returns the number that a pattern finds, or 0.
func numberOf(pattern, text string) int {
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1])
	return n
}
