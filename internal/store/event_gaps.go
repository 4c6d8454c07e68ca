package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// EventGap is a part of the stream of events that the broker has deleted before a durable had handled it (ADR 144).
type EventGap struct {
	Durable        string
	First, Last    uint64
	HandledAt      time.Time // when the durable was last known to be right before the first
	KeptFrom       time.Time // when the oldest event came that the stream still had; zero if it had none
	NoticedAt      time.Time
	AcknowledgedBy string // "" if nobody has acknowledged it yet
	AcknowledgedAt time.Time
}

// Events is how many events the durable has missed at most. Some of them may have been for other durables.
func (g EventGap) Events() uint64 { return g.Last - g.First + 1 }

const gapColumns = `durable, first_sequence, last_sequence, handled_at, kept_from, noticed_at, acknowledged_by,
	acknowledged_at`

func scanGap(row pgx.CollectableRow) (EventGap, error) {
	var g EventGap
	var first, last int64
	var kept, acknowledged *time.Time
	err := row.Scan(&g.Durable, &first, &last, &g.HandledAt, &kept, &g.NoticedAt, &g.AcknowledgedBy, &acknowledged)
	g.First, g.Last = uint64(first), uint64(last)
	g.KeptFrom, g.AcknowledgedAt = orZero(kept), orZero(acknowledged)
	return g, err
}

// StreamPlaces says what a stream still has, and up to where each durable has handled what it gets.
type StreamPlaces struct {
	Created time.Time // when the broker created the stream
	First   uint64    // the oldest event that the stream has
	FirstAt time.Time // when it came; zero if there is none
	Handled map[string]uint64
}

// KeepPlaces notes how far the durables are. It compares that with the oldest event of the stream, and returns the gaps
// that nobody has noticed yet. A durable whose place was not noted before has no gap. An open gap that has grown is not
// returned again. Call it after [Tx.KeepDurableFloors].
func (t *Tx) KeepPlaces(ctx context.Context, p StreamPlaces) (fresh []EventGap, err error) {
	type noted struct {
		place *int64
		at    *time.Time
	}
	before := map[string]noted{}
	rows, err := t.tx.Query(ctx, `
		SELECT durable, place, place_at FROM durable_floors WHERE created = $1 ORDER BY durable FOR UPDATE`, p.Created)
	if err != nil {
		return nil, fmt.Errorf("read how far the durables were: %w", err)
	}
	var name string
	var n noted
	_, err = pgx.ForEachRow(rows, []any{&name, &n.place, &n.at}, func() error {
		before[name] = n
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read how far the durables were: %w", err)
	}
	var places []int64
	names := slices.Sorted(maps.Keys(p.Handled))
	for _, durable := range names {
		last := max(p.First, 1) - 1
		place := max(p.Handled[durable], last)
		if was := before[durable]; was.place != nil && was.at != nil {
			if from := uint64(*was.place) + 1; from <= last {
				gap := EventGap{Durable: durable, First: from, Last: last, HandledAt: *was.at, KeptFrom: p.FirstAt}
				isNew, err := t.keepGap(ctx, p.Created, gap)
				if err != nil {
					return nil, err
				}
				if isNew {
					fresh = append(fresh, gap)
				}
			}
			place = max(place, uint64(*was.place))
		}
		places = append(places, int64(place))
	}
	return fresh, t.writePlaces(ctx, p.Created, names, places)
}

// keepGap stores a gap, or extends one of the durable that nobody has acknowledged. It says whether the gap is new.
func (t *Tx) keepGap(ctx context.Context, created time.Time, g EventGap) (isNew bool, err error) {
	grown, err := t.tx.Exec(ctx, `
		UPDATE event_gaps SET last_sequence = $3, kept_from = $4
		WHERE created = $1 AND durable = $2 AND acknowledged_at IS NULL`,
		created, g.Durable, int64(g.Last), orNull(g.KeptFrom))
	if err == nil && grown.RowsAffected() == 0 {
		isNew = true
		_, err = t.tx.Exec(ctx, `
			INSERT INTO event_gaps (created, durable, first_sequence, last_sequence, handled_at, kept_from)
			VALUES ($1, $2, $3, $4, $5, $6)`,
			created, g.Durable, int64(g.First), int64(g.Last), g.HandledAt, orNull(g.KeptFrom))
	}
	if err != nil {
		return false, fmt.Errorf("store which events passed unhandled: %w", err)
	}
	return isNew, nil
}

// OpenGaps returns the gaps that nobody has acknowledged.
func (t *Tx) OpenGaps(ctx context.Context) ([]EventGap, error) {
	return collect(ctx, t, "read which events passed unhandled", scanGap,
		`SELECT `+gapColumns+` FROM event_gaps WHERE acknowledged_at IS NULL ORDER BY noticed_at, durable`)
}

// Gaps returns all gaps, the newest first.
func (t *Tx) Gaps(ctx context.Context) ([]EventGap, error) {
	return collect(ctx, t, "read which events passed unhandled", scanGap,
		`SELECT `+gapColumns+` FROM event_gaps ORDER BY noticed_at DESC, durable LIMIT 100`)
}

// AcknowledgeGaps notes who knows of the open gaps, and returns how many there were.
func (t *Tx) AcknowledgeGaps(ctx context.Context, by string, now time.Time) (int, error) {
	tag, err := t.tx.Exec(ctx, `
		UPDATE event_gaps SET acknowledged_by = $1, acknowledged_at = $2 WHERE acknowledged_at IS NULL`, validText(by), now)
	if err != nil {
		return 0, fmt.Errorf("acknowledge which events passed unhandled: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
