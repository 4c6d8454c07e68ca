package main

import (
	"bytes"
	"strings"
	"testing"

	"portal-invites/internal/app"
	"portal-invites/internal/events"
)

// publisher accepts every type that the workers read.
func TestEveryTypeIsAccepted(t *testing.T) {
	t.Parallel()
	for _, typ := range events.IncomingTypes() {
		var out bytes.Buffer
		args := []string{"validate", "--type", string(typ), "../../api/examples/" + string(typ) + ".json"}
		code := app.Run(t.Context(), "publisher", description, &cli{}, args,
			app.Streams{In: strings.NewReader(""), Out: &out, Err: &out})
		if code != 0 {
			t.Errorf("publisher %s exits with %d:\n%s", strings.Join(args, " "), code, &out)
		}
	}
}
