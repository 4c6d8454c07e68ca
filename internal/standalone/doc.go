// Package standalone has what the pipeline otherwise expects around it, for one machine and one process: an embedded
// NATS server with JetStream, a private PostgreSQL made from the machine's own binaries, and a mail server that catches
// every mail and shows it on a page.
//
// Each part keeps its state in one folder, so that a second start continues where the first ended, even after a power
// cut. Each listens on loopback by default. None of them handles signals: the owner calls Stop.
package standalone
