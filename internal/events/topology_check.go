package events

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// MissingError says which streams and durables do not exist, if others create them ([Topology.CheckOnly]).
type MissingError struct{ Names []string }

func (e MissingError) Error() string {
	return fmt.Sprintf("the broker has no %s, and this process creates none (NATS_TOPOLOGY=check); "+
		"create what is missing", strings.Join(e.Names, ", no "))
}

// check is Ensure for streams and durables that belong to operators. It changes nothing. It returns an error for what
// is missing, and for what the workers can't work with.
func (t Topology) check(ctx context.Context, js jetstream.JetStream) error {
	var missing []string
	for _, want := range t.streams() {
		existing, err := js.Stream(ctx, want.Name)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			missing = append(missing, "stream "+want.Name)
		case err != nil:
			return fmt.Errorf("look up stream %s: %w", want.Name, err)
		default:
			if err := refuseUnusable(existing.CachedInfo().Config, want); err != nil {
				return err
			}
		}
	}
	for _, want := range t.durables() {
		existing, err := js.Consumer(ctx, EventsStream, want.Durable)
		switch {
		case errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrStreamNotFound):
			missing = append(missing, "durable "+want.Durable+" on "+EventsStream)
		case err != nil:
			return fmt.Errorf("look up durable %s: %w", want.Durable, err)
		default:
			if err := refuseDurable(existing.CachedInfo().Config, want); err != nil {
				return err
			}
		}
	}
	if len(missing) > 0 {
		return MissingError{missing}
	}
	return nil
}

// refuseUnusable returns an error for a stream that the workers can't work with as it is.
func refuseUnusable(have, want jetstream.StreamConfig) error {
	if err := refuseUnchangeable(have, want); err != nil {
		return err
	}
	for _, subject := range want.Subjects {
		if !slices.Contains(have.Subjects, subject) {
			return fmt.Errorf("stream %s: its subjects are %v and must have %s", want.Name, have.Subjects, subject)
		}
	}
	if have.AllowDirect && !want.AllowDirect {
		return fmt.Errorf("stream %s: it must not allow direct gets, which a replica that lags may answer", want.Name)
	}
	return nil
}

// Differences returns in which settings the existing streams and durables differ from what this process would set. The
// workers work with each of them. It changes nothing.
func (t Topology) Differences(ctx context.Context, js jetstream.JetStream) (differences []string, err error) {
	for _, want := range t.streams() {
		existing, err := js.Stream(ctx, want.Name)
		if err != nil {
			return nil, fmt.Errorf("look up stream %s: %w", want.Name, err)
		}
		have := existing.CachedInfo().Config
		if t.Ledger != "" && have.Metadata[LedgerKey] == "" {
			differences = append(differences, fmt.Sprintf("stream %s: its metadata has no ledger; write it with "+
				"nats stream edit %s --metadata %s=%s", want.Name, want.Name, LedgerKey, t.Ledger))
		}
		differences = append(differences, differ("stream "+want.Name, have, updated(have, want))...)
	}
	for _, want := range t.durables() {
		existing, err := js.Consumer(ctx, EventsStream, want.Durable)
		if err != nil {
			return nil, fmt.Errorf("look up durable %s: %w", want.Durable, err)
		}
		have := existing.CachedInfo().Config
		differences = append(differences, differ("durable "+want.Durable, have, updatedDurable(have, want))...)
	}
	return differences, nil
}

// differ compares two configurations, field by field.
func differ[Config any](what string, have, want Config) (differences []string) {
	a, b := reflect.ValueOf(have), reflect.ValueOf(want)
	for i := range a.NumField() {
		field := a.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "metadata" || name == "description" || reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			continue
		}
		differences = append(differences, fmt.Sprintf("%s: %s is %v and should be %v",
			what, name, a.Field(i).Interface(), b.Field(i).Interface()))
	}
	return differences
}
