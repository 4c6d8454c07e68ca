package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/testenv"
)

// An operator pauses a firm and resumes it. Every answer about its mails says so, and whoever comes second is told what
// the first one did.
func TestAFirmIsPausedAndResumed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	ask := func(action, by string) (PausesAnswer, error) {
		return r.client.Pauses(r.ctx, AllFirms, PausesRequest{Action: action, FirmID: acme, Reason: "a bad list", By: by})
	}
	refused := func(err error, code int, words ...string) {
		t.Helper()
		e, is := err.(*Error) //nolint:errorlint // the client returns it as it is
		if !is || e.Code != code {
			t.Fatalf("the answer is %v, want a %d", err, code)
		}
		for _, word := range words {
			if !strings.Contains(e.Message, word) {
				t.Errorf("the answer is %q, want %q in it", e.Message, word)
			}
		}
	}
	_, err := ask(ResumeFirm, "lee")
	refused(err, http.StatusConflict, "never was")
	answer, err := ask(PauseFirm, "dana")
	r.must(err)
	if p := answer.Firms[0]; !p.Paused || p.FirmID != acme || p.Cause != "operator" || p.By != "dana" ||
		p.Reason != "a bad list" || p.Since.IsZero() || p.Resumed != nil {
		t.Errorf("paused: %+v", p)
	}
	_, err = ask(PauseFirm, "lee")
	refused(err, http.StatusConflict, "paused already: dana has paused it at ", "a bad list")

	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	testenv.Eventually(t, testenvPatience, func() error {
		queue, err := r.client.Queue(r.ctx, acme, QueueRequest{})
		if err != nil || queue.Lanes[0].Queued != 1 || queue.Postponed != rules.FirmPaused || queue.Pause == nil ||
			queue.Pause.By != "dana" {
			return fmt.Errorf("%+v, %w", queue, err)
		}
		return nil
	})
	status, err := r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c1", ContactID: "dana"})
	r.must(err)
	if s := status.Statuses[0]; s.LastInvite.Postponed != rules.FirmPaused || s.State != Queued ||
		!strings.Contains(s.Sentence, "are paused") {
		t.Errorf("status: %+v, %+v", s, s.LastInvite)
	}
	request := ExplainRequest{ClientID: "c3", Recipients: []events.Recipient{{ContactID: "dana"}}}
	explained, err := r.client.Explain(r.ctx, acme, request)
	r.must(err)
	if explained.Postponed != rules.FirmPaused || !explained.Recipients[0].WouldSend {
		t.Errorf("explain: %+v", explained)
	}
	list, err := r.client.Pauses(r.ctx, AllFirms, PausesRequest{})
	r.must(err)
	if len(list.Firms) != 1 || list.Firms[0].FirmID != acme || list.Next != "" {
		t.Errorf("the list: %+v", list)
	}
	if mails := len(r.mailbox.Messages()); mails != 0 {
		t.Errorf("%d mails of a paused firm have left", mails)
	}

	answer, err = ask(ResumeFirm, "lee")
	r.must(err)
	if p := answer.Firms[0]; p.Paused || p.By != "dana" || p.Resumed == nil || p.Resumed.By != "lee" {
		t.Errorf("resumed: %+v", p)
	}
	if _, err := r.mailbox.Wait(r.ctx, 1); err != nil {
		t.Error(err)
	}
	_, err = ask(ResumeFirm, "dana")
	refused(err, http.StatusConflict, "not paused any more: lee has resumed it at ")
	if list, err = r.client.Pauses(r.ctx, AllFirms, PausesRequest{}); err != nil || len(list.Firms) != 0 {
		t.Errorf("the list in the end: %+v, %v", list, err)
	}
}

func TestPausesSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	for want, request := range map[string]PausesRequest{
		"400 firm_id: missing":            {Action: PauseFirm},
		"400 firm_id: ":                   {Action: PauseFirm, FirmID: "a.b", Reason: "r", By: "b"},
		"404 firm_id: no FirmUpserted":    {Action: PauseFirm, FirmID: "nobody", Reason: "r", By: "b"},
		"400 reason: missing":             {Action: ResumeFirm, FirmID: acme, By: "b"},
		"400 reason: is longer than":      {Action: PauseFirm, FirmID: acme, By: "b", Reason: strings.Repeat("é", 1001)},
		"400 by: missing":                 {Action: PauseFirm, FirmID: acme, Reason: "r"},
		"400 limit, cursor: ":             {Action: PauseFirm, FirmID: acme, Reason: "r", By: "b", Page: Page{Limit: 5}},
		"400 firm_id, lane, reason, by: ": {FirmID: acme},
		"400 action: must be one of: li":  {Action: "stop", FirmID: acme},
	} {
		_, err := r.client.Pauses(r.ctx, AllFirms, request)
		e, is := err.(*Error) //nolint:errorlint // the client returns it as it is
		if !is || !strings.HasPrefix(fmt.Sprintf("%d %s", e.Code, e.Message), want) {
			t.Errorf("%+v: %v, want %s", request, err, want)
		}
	}
	// An office may call what its firm's subject has. It can't pause its own firm, or end its pause.
	if _, err := r.client.Pauses(r.ctx, acme, PausesRequest{}); err == nil ||
		!strings.HasPrefix(err.Error(), "firm: ") {
		t.Errorf("the call of an office: %v", err)
	}
}
