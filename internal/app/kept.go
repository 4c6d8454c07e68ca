package app

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"portal-invites/internal/events"
)

// Kept says how much is kept on the streams, and of dead letters in the database.
type Kept struct {
	// EventsKeep is how far back a durable can be reset.
	EventsKeep     time.Duration `name:"events-keep" env:"EVENTS_KEEP" default:"720h" placeholder:"720h" group:"Streams" help:"How long facts and requests are kept on their stream."`
	EventsMaxBytes Bytes         `name:"events-max-bytes" env:"EVENTS_MAX_BYTES" default:"0" placeholder:"0" group:"Streams" help:"How many bytes of them: 500MB, 20GB; 0 sets no limit. The stream refuses more."`
	// EventsPerSubject counts what is kept, and not what comes in.
	EventsPerSubject int64         `name:"events-per-subject" env:"EVENTS_PER_SUBJECT" default:"0" placeholder:"0" group:"Streams" help:"How many events of one firm and one type; 0 sets no limit. The stream refuses more."`
	OutcomesKeep     time.Duration `name:"outcomes-keep" env:"OUTCOMES_KEEP" default:"2160h" placeholder:"2160h" group:"Streams" help:"How long outcomes are kept on their stream."`
	OutcomesMaxBytes Bytes         `name:"outcomes-max-bytes" env:"OUTCOMES_MAX_BYTES" default:"0" placeholder:"0" group:"Streams" help:"How many bytes of them; 0 sets no limit. The oldest are deleted."`
	// DeadLettersKeep is for the stream and for open dead letters in the database. LEDGER_KEEP is for the other ones.
	DeadLettersKeep     time.Duration `name:"dead-letters-keep" env:"DEAD_LETTERS_KEEP" default:"2160h" placeholder:"2160h" group:"Streams" help:"How long open dead letters are kept, in the database and on their stream."`
	DeadLettersMaxBytes Bytes         `name:"dead-letters-max-bytes" env:"DEAD_LETTERS_MAX_BYTES" default:"0" placeholder:"0" group:"Streams" help:"How many bytes of them on the stream; 0 sets no limit. The oldest are deleted."`
	DeadLettersPerFirm  int           `name:"dead-letters-per-firm" env:"DEAD_LETTERS_PER_FIRM" default:"10000" placeholder:"10000" group:"Streams" help:"How many open ones of one firm are kept in the database, the newest; 0 for all."`
}

// DefaultKept is what is kept unless a setting says otherwise, for a process that ignores the environment.
var DefaultKept = Kept{
	EventsKeep: events.DefaultEventsMaxAge, OutcomesKeep: events.DefaultOutcomesMaxAge,
	DeadLettersKeep: events.DefaultDeadLettersMaxAge, DeadLettersPerFirm: 10_000,
}

// topology returns the streams of a broker with these limits.
func (k Kept) topology(of events.Topology) events.Topology {
	of.Events = events.Kept{For: k.EventsKeep, Bytes: int64(k.EventsMaxBytes)}
	of.EventsPerSubject = k.EventsPerSubject
	of.Outcomes = events.Kept{For: k.OutcomesKeep, Bytes: int64(k.OutcomesMaxBytes)}
	of.DeadLetters = events.Kept{For: k.DeadLettersKeep, Bytes: int64(k.DeadLettersMaxBytes)}
	return of
}

const (
	leastKept   = 24 * time.Hour
	longestKept = 10 * 366 * 24 * time.Hour
)

func (k Kept) check() error {
	var errs []error
	for _, setting := range []struct {
		name, example string
		value         time.Duration
	}{
		{"EVENTS_KEEP", "720h", k.EventsKeep},
		{"OUTCOMES_KEEP", "2160h", k.OutcomesKeep},
		{"DEAD_LETTERS_KEEP", "2160h", k.DeadLettersKeep},
	} {
		if setting.value < leastKept || setting.value > longestKept {
			errs = append(errs, fmt.Errorf("%s: must be 24h to 87840h (example: %s)", setting.name, setting.example))
		}
	}
	if k.EventsPerSubject < 0 {
		errs = append(errs, errors.New("EVENTS_PER_SUBJECT: must be 0 (no limit) or above (example: 1000000)"))
	}
	if k.DeadLettersPerFirm < 0 {
		errs = append(errs, errors.New("DEAD_LETTERS_PER_FIRM: must be 0 (all) or above (example: 10000)"))
	}
	return errors.Join(errs...)
}

// Bytes is a size on disk. Zero is no limit.
type Bytes int64

// UnmarshalText reads 0, 500MB, 20GB, or a number of bytes. A kB has 1,024 bytes, as in the broker's own settings.
func (b *Bytes) UnmarshalText(text []byte) error {
	number, factor := string(text), int64(1)
	for unit, f := range map[string]int64{"kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40} {
		if without, found := strings.CutSuffix(string(text), unit); found {
			number, factor = without, f
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > 1<<60/factor || n > 0 && n*factor < 1<<20 {
		return fmt.Errorf("must be a size of at least 1MB, or 0 for no limit (examples: 500MB, 20GB), not %q", text)
	}
	*b = Bytes(n * factor)
	return nil
}
