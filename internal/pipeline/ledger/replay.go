package ledger

import (
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/identity"
	"portal-invites/internal/store"
)

// ReplayFilterOf is the filter of a replay as the store takes it. The age of a request is counted back from askedAt.
// place is that of the ReplayRequested in the stream; zero if it is only asked about.
func ReplayFilterOf(
	firmID string, r *events.ReplayRequest, askedAt time.Time, place store.Position,
) store.ReplayFilter {
	oldest := r.Oldest(askedAt).Truncate(time.Millisecond)
	filter := store.ReplayFilter{
		FirmID: firmID, Reasons: r.Filter.Reasons, ClientIDs: r.Filter.ClientIDs, Oldest: oldest,
		OldestID: identity.Timed(uuid.Nil, oldest), AskedAt: place,
	}
	if id, err := uuid.Parse(r.Filter.RunID); err == nil {
		filter.RunID = uuid.NullUUID{UUID: id, Valid: true}
	}
	if r.Filter.Since != nil {
		filter.Since = *r.Filter.Since
	}
	if r.Filter.Until != nil {
		filter.Until = *r.Filter.Until
	}
	for _, outcome := range r.Filter.Outcomes {
		filter.States = append(filter.States, store.State(outcome))
	}
	return filter
}
