package loop

import (
	"fmt"
	"runtime/debug"
)

// PanicError is an error made of a panic.
type PanicError struct{ Value any }

func (p PanicError) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Safely turns a panic into a [PanicError]: one bad message must not take the worker down again and again.
func (r Runner) Safely(stage string, do func() (bool, error)) (worked bool, err error) {
	defer func() {
		if value := recover(); value != nil {
			r.Log.Error().Str("stage", stage).Str("stack", string(debug.Stack())).Msgf("panic: %v", value)
			err = PanicError{value}
		}
	}()
	return do()
}
