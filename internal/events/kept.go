package events

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Kept says how much a stream keeps.
type Kept struct {
	For   time.Duration // how long; 0 means the stream's default
	Bytes int64         // how much on disk; 0 sets no limit, and leaves a limit that is there
}

// How long the streams keep messages by default.
const (
	DefaultEventsMaxAge      = 30 * 24 * time.Hour
	DefaultOutcomesMaxAge    = 90 * 24 * time.Hour
	DefaultDeadLettersMaxAge = 90 * 24 * time.Hour
)

// withLimits returns a stream's configuration with those limits that the settings name.
func withLimits(c, limits jetstream.StreamConfig) jetstream.StreamConfig {
	if limits.MaxBytes > 0 {
		c.MaxBytes = limits.MaxBytes
	}
	if limits.MaxMsgsPerSubject > 0 {
		c.MaxMsgsPerSubject, c.DiscardNewPerSubject = limits.MaxMsgsPerSubject, true
	}
	return c
}

// refuseDeleting returns an error if the broker would delete messages as soon as a stream is updated. It would do so
// without a word. An operator who wants that does it by hand (ADR 89).
func refuseDeleting(ctx context.Context, stream jetstream.Stream, want jetstream.StreamConfig) error {
	have, state := stream.CachedInfo().Config, stream.CachedInfo().State
	if narrower(int64(have.MaxAge), int64(want.MaxAge)) && state.Msgs > 0 && time.Since(state.FirstTime) > want.MaxAge {
		return wouldDelete(want.Name, fmt.Sprintf("keep messages for %v, and the oldest is from %s", want.MaxAge,
			state.FirstTime.UTC().Format(time.RFC3339)), fmt.Sprintf("--max-age=%v", want.MaxAge))
	}
	if want.Discard == jetstream.DiscardOld && narrower(have.MaxBytes, want.MaxBytes) &&
		state.Bytes > uint64(want.MaxBytes) {
		return wouldDelete(want.Name, fmt.Sprintf("keep up to %d bytes, and it has %d", want.MaxBytes, state.Bytes),
			fmt.Sprintf("--max-bytes=%d", want.MaxBytes))
	}
	if !narrower(have.MaxMsgsPerSubject, want.MaxMsgsPerSubject) {
		return nil
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(">"))
	if err != nil {
		return fmt.Errorf("count the messages of stream %s by subject: %w", want.Name, err)
	}
	over, most := 0, ""
	for subject, n := range info.State.Subjects {
		if n <= uint64(want.MaxMsgsPerSubject) {
			continue
		}
		if over++; most == "" || n > info.State.Subjects[most] {
			most = subject
		}
	}
	if over == 0 {
		return nil
	}
	return wouldDelete(want.Name, fmt.Sprintf("keep up to %d messages of a subject, and %d subjects have more (%s has %d)",
		want.MaxMsgsPerSubject, over, most, info.State.Subjects[most]),
		fmt.Sprintf("--max-msgs-per-subject=%d", want.MaxMsgsPerSubject))
}

// narrower says whether a limit is new or lower. Zero and below mean that there is none.
func narrower(have, want int64) bool { return want > 0 && (have <= 0 || want < have) }

func wouldDelete(stream, limit, flag string) error {
	return fmt.Errorf("stream %s: it would %s: the broker would delete what is over the limit. "+
		"Choose a higher limit, or delete those messages yourself (nats stream edit %s %s), and start again",
		stream, limit, stream, flag)
}
