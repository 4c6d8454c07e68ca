package ctl

import (
	"context"
	"fmt"
	"slices"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// noFirm is the firm of dead letters whose real firm is not known.
const noFirm = "_"

// firmUnknown returns an error if the workers do not know the firm. A mistyped firm has no runs, no outcomes and no
// queue, and neither has a new one. So a command that finds nothing must say which of the two it is. If no worker
// answers, firmUnknown returns nil.
func (conn connection) firmUnknown(ctx context.Context) error {
	if conn.firm == "" || conn.firm == noFirm {
		return nil
	}
	answer, err := conn.Explain(ctx, conn.firm, api.ExplainRequest{
		Type: events.InviteRequested, ClientID: "-", Recipients: []events.Recipient{{ContactID: "-"}},
	})
	if err != nil {
		return nil //nolint:nilerr // the command has its answer, or an error of its own
	}
	return conn.unknownIn(answer.Recipients)
}

// unknownIn returns an error if an explanation says that the firm does not exist.
func (conn connection) unknownIn(explained []api.Explained) error {
	if !slices.ContainsFunc(explained, func(e api.Explained) bool { return e.Reason == rules.FirmNotFound }) {
		return nil
	}
	return fmt.Errorf("firm %s is unknown: no FirmUpserted has come for it. Is --firm spelled as in the subjects?",
		conn.firm)
}
