package loop

// Bell wakes a stage. If it rings several times while the stage is busy, the stage wakes once. It is safe for
// concurrent use.
type Bell chan struct{}

// NewBell makes a bell that has not rung.
func NewBell() Bell { return make(Bell, 1) }

// Ring never blocks.
func (b Bell) Ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}
