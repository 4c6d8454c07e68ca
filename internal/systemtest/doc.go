// Package systemtest runs the workers as real processes, as in production, kills them, and counts mails and outcomes.
// It has only tests.
package systemtest
