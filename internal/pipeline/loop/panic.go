package loop

import (
	"fmt"
	"runtime/debug"
)

// PanicError is a panic as an error.
type PanicError struct{ Value any }

func (p PanicError) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Safely turns a panic of do into a [PanicError]. One bad message must not stop the worker again and again.
func (r Runner) Safely(stage string, do func() (bool, error)) (worked bool, err error) {
	defer func() {
		if value := recover(); value != nil {
			r.Log.Error().Str("stage", stage).Str("stack", string(debug.Stack())).
				Msgf("panic in %s: %v; this is a bug, report it with the stack", stage, value)
			err = PanicError{value}
		}
	}()
	return do()
}
