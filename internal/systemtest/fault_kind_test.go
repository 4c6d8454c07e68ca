package systemtest

import (
	"syscall"
	"time"
)

// fault is one way to break something. docs/testing.md has a row for each.
type fault struct {
	name    string
	how     string // it is put in
	promise string // what holds while it lasts and afterwards, besides what the oracle always checks
	breaks  string // what breaks; no two faults of one step break the same thing
	// keepsAnswers says that no mail server's answer is lost by it, so no mail may come twice.
	keepsAnswers bool
	hold         time.Duration // how long it lasts, in the short form
	put          func(*office) (lift func())
}

// leaseLasts is how long a worker's lease lasts. A worker that is silent for longer is taken for dead.
const leaseLasts = 15 * time.Second

const (
	noSecondMail = "no second mail"
	ofOneWorker  = "the other workers go on"
)

// faults are all faults.
func faults() []fault {
	all := []fault{
		{"killed", "`kill -9` of one worker; another one starts a moment later",
			"a second mail only of what was on its way", "workers", false, 200 * time.Millisecond, (*office).kill},
		{"killed at once", "`kill -9` of all four workers; four others start a moment later",
			"a second mail only of what was on its way", "workers", false, 200 * time.Millisecond, (*office).killAll},
		{"killed while it selects", "`kill -9` of both bulk-workers as soon as a run has selected somebody",
			"each contact is selected once", "workers", false, 200 * time.Millisecond, (*office).killSelecting},
		{"paused", "SIGSTOP of one worker for longer than its lease, then SIGCONT",
			"it mails nothing that others have taken over", "workers", false, leaseLasts + 3*time.Second, (*office).pause},
		{"database away", "the database refuses all connections, and ends the open ones", noSecondMail, "database", true,
			4 * time.Second, (*office).closeDatabase},
		{"database read-only", "every transaction of the database is read-only", noSecondMail, "database", true,
			4 * time.Second, (*office).freezeDatabase},
		{"database full", "the database has no connection left for the workers, and ends the open ones", noSecondMail,
			"database", true, 4 * time.Second, (*office).fillDatabase},
		{"workers die without a database", "the database refuses all connections; all four workers get `kill -9` meanwhile",
			"nothing that a worker had fetched is lost", "workers, database", false, time.Second, (*office).killWithoutDatabase},
		{"broker restarted", "the broker stops, and starts again with its streams", noSecondMail, "broker", true,
			2 * time.Second, (*office).restartBroker},
		{"workers die without a broker", "the broker stops; all four workers get `kill -9` before it starts again",
			"what they had not published yet is published", "workers, broker", false, time.Second, (*office).killWithoutBroker},
		{"mail server away", "the mail server closes its port and all connections", "nobody fails because of it",
			"mail server", false, 3 * time.Second, (*office).stopMails},
		{"mail server throttles", "421 or 450 for two of three mails", "nobody fails because of it", "mail server", true,
			2 * time.Second, (*office).throttleMails},
		{"removed while the mail server is away", "people who wait for their mail are removed; then the mail server is back",
			"they get no mail", "mail server", false, 0, (*office).removeMeanwhile},
	}
	return append(all, linkFaults()...)
}

// linkFaults are the faults of the link of one worker, which is another one each time.
func linkFaults() (all []fault) {
	hows := map[string]string{
		"cut":   "the proxy closes its port and all connections",
		"mute":  "the proxy takes everything and passes nothing on",
		"reset": "the proxy resets connections (RST) as soon as something passes",
	}
	for _, way := range []string{"cut", "mute", "reset"} {
		for _, server := range []string{"broker", "database", "mail server"} {
			all = append(all, fault{
				server + " link " + way, hows[way], ofOneWorker, server, server == "broker", 3 * time.Second,
				func(o *office) func() { return o.someone().wires[server].spoil(o.t, way) },
			})
		}
	}
	return all
}

func (o *office) kill() func() {
	w := o.someone()
	w.kill()
	return func() { o.restart(w) }
}

func (o *office) killAll() func() {
	for _, w := range o.workers {
		w.kill()
	}
	return func() {
		for _, w := range o.workers {
			o.restart(w)
		}
	}
}

func (o *office) killSelecting() func() {
	o.awaitSelecting()
	for _, w := range o.workers[2:] {
		w.kill()
	}
	return func() {
		for _, w := range o.workers[2:] {
			o.restart(w)
		}
	}
}

// awaitSelecting waits until a run has selected somebody, for a minute at most. It does not wait if another fault of
// the step keeps it from the database.
func (o *office) awaitSelecting() {
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for limit := time.Now().Add(time.Minute); time.Now().Before(limit); <-poll.C {
		var selecting bool
		err := o.DB.QueryRow(o.Ctx, `SELECT EXISTS (SELECT FROM runs WHERE selected > 0 AND NOT walked)`).Scan(&selecting)
		if err != nil || selecting {
			return
		}
	}
}

func (o *office) pause() func() {
	w := o.someone()
	o.Must(w.cmd.Process.Signal(syscall.SIGSTOP))
	return func() { o.Must(w.cmd.Process.Signal(syscall.SIGCONT)) }
}

// alterNow changes the database, and ends the connections to it, so that the change holds for everybody.
func (o *office) alterNow(change string) {
	name := o.alter(change)
	_, err := o.super.Exec(o.Ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1`, name)
	o.Must(err)
}

func (o *office) closeDatabase() func() {
	o.alterNow(`ALLOW_CONNECTIONS false`)
	return func() { o.alterNow(`ALLOW_CONNECTIONS true`) }
}

func (o *office) freezeDatabase() func() {
	o.alterNow(`SET default_transaction_read_only = on`)
	return func() { o.alterNow(`RESET default_transaction_read_only`) }
}

func (o *office) fillDatabase() func() {
	o.alterNow(`CONNECTION LIMIT 0`)
	return func() { o.alterNow(`CONNECTION LIMIT -1`) }
}

func (o *office) killWithoutDatabase() func() {
	open := o.closeDatabase()
	o.tell(o.corrected(10)...) // workers fetch these, and can't decide them
	restart := o.killAfterAMoment()
	return func() {
		open()
		restart()
	}
}

func (o *office) restartBroker() func() {
	o.broker.Stop()
	return o.startBroker
}

func (o *office) killWithoutBroker() func() {
	o.tell(o.corrected(20)...) // workers decide and mail these, and can't publish their outcomes
	start := o.restartBroker()
	restart := o.killAfterAMoment()
	return func() {
		start()
		restart()
	}
}

// killAfterAMoment gives the workers time to notice what is broken.
func (o *office) killAfterAMoment() func() {
	<-time.After(time.Second)
	return o.killAll()
}

func (o *office) stopMails() func() {
	o.sink.down()
	return func() { o.sink.up(o.t) }
}

func (o *office) throttleMails() func() {
	o.sink.throttle(true)
	return func() { o.sink.throttle(false) }
}

func (o *office) removeMeanwhile() func() {
	up := o.stopMails()
	o.removeTheWaiting()
	return up
}
