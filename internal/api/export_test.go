package api

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"
)

// StartExample starts a pipeline with a small firm for an example, and returns a connection to its broker.
func StartExample() (conn *nats.Conn, stop func()) {
	tb := &exampleTB{}
	r := newRig(tb)
	r.start()
	r.office()
	return r.nc, tb.end
}

// exampleTB stands in for the testing.TB that an example does not have. A failure panics.
type exampleTB struct {
	testing.TB // nil: a method that is not below must not be called
	cleanups   []func()
}

func (*exampleTB) Context() context.Context { return context.Background() }
func (*exampleTB) Name() string             { return "Example" }
func (*exampleTB) Helper()                  {}
func (*exampleTB) Failed() bool             { return false }
func (*exampleTB) Log(...any)               {}
func (*exampleTB) Logf(string, ...any)      {}

func (tb *exampleTB) Cleanup(f func()) { tb.cleanups = append(tb.cleanups, f) }

func (*exampleTB) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (*exampleTB) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (*exampleTB) Error(args ...any)                 { panic(fmt.Sprint(args...)) }
func (*exampleTB) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// end calls the cleanups, the last one first.
func (tb *exampleTB) end() {
	for _, f := range slices.Backward(tb.cleanups) {
		f()
	}
}
