package answer

import (
	"context"
	"fmt"
	"strings"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline/facts"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// MostAssumed is how many facts a call may assume.
const MostAssumed = 1000

// Assumed checks a fact that nobody has published, and makes it an event behind all that were. index is its place in
// the caller's list, from 0. The error names the field.
func (a *Answers) Assumed(firm string, index int, t events.Type, raw []byte) (events.Event, error) {
	wrong := func(problem string) (events.Event, error) {
		return events.Event{}, fmt.Errorf("assume[%d].%s", index, problem) //nolint:err113 // it is for the caller
	}
	if !t.Assumable() {
		return wrong(fmt.Sprintf("type: must be one of %s", strings.Trim(fmt.Sprint(events.AssumableTypes()), "[]")))
	}
	data, err := events.DecodeData(t, raw)
	if err != nil {
		problems := strings.Split(err.Error(), "\n")
		for i, p := range problems {
			if !strings.HasPrefix(p, "data: ") {
				problems[i] = "data." + p
			}
		}
		return wrong(strings.Join(problems, "; "))
	}
	e := Unpublished(firm, t, data, raw, a.Ledger.Now())
	e.At = events.Position{Stream: rules.Forever, Sequence: uint64(index) + 1}
	if err := a.Ledger.Refused(e); err != nil {
		return wrong("data." + err.Error())
	}
	return e, nil
}

// assume enters facts into a transaction.
func assume(ctx context.Context, tx *store.Tx, firm string, assumed []events.Event) error {
	if len(assumed) == 0 {
		return nil
	}
	var list store.Facts
	for _, e := range assumed {
		if err := facts.Project(&list, e); err != nil {
			return err
		}
	}
	return tx.Assume(ctx, firm, &list)
}
