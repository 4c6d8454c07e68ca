package events

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
)

func TestOutcomeSubjects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		types   []Type
		reasons []rules.Code
		want    []string
	}{
		{nil, nil, []string{">"}},
		{[]Type{InviteSkipped, InviteSent}, nil, []string{"InviteSent", "InviteSkipped.*"}},
		{nil, []rules.Code{rules.EmailShared}, []string{"InviteSkipped.email_shared"}},
		{[]Type{InviteSkipped, InviteSent}, []rules.Code{rules.EmailShared, rules.EmailShared},
			[]string{"InviteSent", "InviteSkipped.email_shared"}},
	} {
		var want []string
		for _, filter := range c.want {
			want = append(want, "portal.outcomes.acme."+filter)
		}
		got := OutcomeSubjects("acme", c.types, c.reasons)
		if !slices.Equal(got, want) {
			t.Errorf("%v, %v: %q, want %q", c.types, c.reasons, got, want)
		}
	}
	for filter, subjects := range map[string]map[string]bool{
		"portal.outcomes.acme.>": {
			"portal.outcomes.acme.InviteSent": true, "portal.outcomes.acme.InviteSkipped.email_shared": true,
			"portal.outcomes.acme2.InviteSent": false, "portal.outcomes.other.InviteSent": false,
		},
		"portal.outcomes.acme.InviteSkipped.*": {
			"portal.outcomes.acme.InviteSkipped.email_shared": true, "portal.outcomes.acme.InviteSkipped": false,
			"portal.outcomes.acme.InviteSkipped.a.b": false,
		},
		"portal.outcomes.*.InviteSent": {
			"portal.outcomes.acme.InviteSent": true, "portal.outcomes.acme.InviteSent.x": false,
		},
	} {
		for subject, want := range subjects {
			if InSubjects([]string{"x", filter}, subject) != want {
				t.Errorf("%s matches %s: %v", filter, subject, !want)
			}
		}
	}
}

// One reading ends at its limit and says that there is more. It begins at a sequence, or at a time.
func TestReadOutcomes(t *testing.T) {
	t.Parallel()
	js := runPipelineBroker(t)
	query := OutcomeQuery{Subject: Outcomes.Of("acme"), Most: 2}
	read := func(q OutcomeQuery, n int, last uint64, more bool) {
		t.Helper()
		batch, err := ReadOutcomes(t.Context(), js, q)
		if err != nil || len(batch.Outcomes) != n || batch.Last != last || batch.More != more {
			t.Errorf("%+v: %d outcomes up to %d, more: %v (%v); want %d, %d, %v",
				q, len(batch.Outcomes), batch.Last, batch.More, err, n, last, more)
		}
	}
	read(query, 0, 0, false)
	began := time.Now()
	for _, firm := range []string{"acme", "other", "acme", "acme"} {
		msg, err := InviteOutcome(InviteSent, About{FirmID: firm, InviteID: uuid.New()}, "", About{}, Trace{}).Message()
		if err != nil {
			t.Fatal(err)
		}
		publish(t, js, msg)
	}
	if _, err := js.Publish(t.Context(), "portal.outcomes.acme.InviteSent", []byte(`[]`)); err != nil {
		t.Fatal(err)
	}
	read(query, 2, 3, true)
	query.From = 4
	read(query, 1, 5, false) // the last one is no outcome
	query.From = 6
	read(query, 0, 0, false)
	query.Since = began.Add(-time.Minute)
	read(query, 2, 3, true)
	query.Since = time.Now().Add(time.Hour)
	read(query, 0, 0, false)
}
