// Package testenv gives a test the real things it talks to: a database of its own on a private PostgreSQL, a broker
// with JetStream, and a mailbox that speaks SMTP. Each is made for one test and cleaned up after it.
package testenv
