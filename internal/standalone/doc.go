// Package standalone holds what the pipeline otherwise expects from its
// surroundings, for one machine and one process: an embedded NATS server with
// JetStream, a private PostgreSQL made from the machine's own binaries, and a
// mail server that catches every mail and shows it on a page.
//
// Each part keeps its state in one folder, so that a second start goes on where
// the first ended, also after a power cut. Each listens on loopback unless told
// otherwise. None of them handles signals: the owner calls Stop.
package standalone
