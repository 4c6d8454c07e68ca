package ctl

import (
	"context"
	"fmt"
	"slices"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// noFirm is where dead letters are whose firm could not be told.
const noFirm = "_"

// firmUnknown is an error where the workers know no such firm. A mistyped firm has no runs, no outcomes and no queue, as one has
// that is new: who is shown nothing must be told which of the two it is. Where no worker answers it says nothing.
func (l line) firmUnknown(ctx context.Context) error {
	if l.firm == "" || l.firm == noFirm {
		return nil
	}
	answer, err := l.Explain(ctx, l.firm, api.ExplainRequest{
		Type: events.InviteRequested, ClientID: "-", Recipients: []events.Recipient{{ContactID: "-"}},
	})
	if err != nil {
		return nil //nolint:nilerr // what was asked for has been answered, or has its own error
	}
	return l.unknownIn(answer.Recipients)
}

// unknownIn is an error where an explanation says that there is no such firm.
func (l line) unknownIn(explained []api.Explained) error {
	if !slices.ContainsFunc(explained, func(e api.Explained) bool { return e.Reason == rules.FirmNotFound }) {
		return nil
	}
	return fmt.Errorf("nothing is known of a firm %s: no FirmUpserted has come for it. Is --firm spelled as in the subjects?", l.firm)
}
