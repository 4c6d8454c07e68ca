// Package systemtest runs the workers as the processes they are in production, kills them, and counts what comes out.
// It has nothing but tests.
package systemtest
