// Package testkit is what tests say and hear: the events that a firm publishes, the outcomes that a dashboard reads, and
// waiting until the workers have nothing left to do. Only tests import it, and it knows none of the workers: what runs is handed
// to [Scene.Start]. The parts themselves, a broker, a database, a mailbox, come from testenv.
package testkit
