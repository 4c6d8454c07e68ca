// Package testkit publishes the events of a firm, reads outcomes as a dashboard does, and waits until the workers have
// nothing left to do. Only tests import it. It knows none of the workers: a test gives [Scene.Start] what is to run.
// The broker, the database and the mailbox come from testenv.
package testkit
