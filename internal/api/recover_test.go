package api

import (
	"errors"
	"net/http"
	"testing"

	"portal-invites/internal/events"
)

// A recovery is about the whole database. What it does to a ledger is tested where it is written.
func TestRecover(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	refused := func(firm string, request RecoverRequest, code int) {
		t.Helper()
		_, err := r.client.Recover(r.ctx, firm, request)
		if refusal, is := errors.AsType[*Error](err); !is || refusal.Code != code {
			t.Errorf("%s %+v: %v, want %d", firm, request, err, code)
		}
	}
	refused(acme, RecoverRequest{}, http.StatusBadRequest)
	refused(AllFirms, RecoverRequest{Action: "mend"}, http.StatusBadRequest)
	refused(AllFirms, RecoverRequest{Action: ListUnasked, Limit: MaxLimit + 1}, http.StatusBadRequest)

	r.office()
	r.publish(acme, events.InviteRequested, named("c1", "dana"))
	r.settled()
	checked, err := r.client.Recover(r.ctx, AllFirms, RecoverRequest{})
	r.must(err)
	if len(checked.Lost) != 0 || checked.Last == 0 || checked.Next != 0 || checked.Done {
		t.Errorf("checked: %+v", checked)
	}
	done, err := r.client.Recover(r.ctx, AllFirms, RecoverRequest{Action: RecoverLost})
	r.must(err)
	if !done.Done || len(done.Lost) != 0 || len(done.Reset) != 3 {
		t.Errorf("recovered: %+v", done)
	}
	list, err := r.client.Recover(r.ctx, AllFirms, RecoverRequest{Action: ListUnasked})
	r.must(err)
	if list.Total != 0 || len(list.Invites) != 0 {
		t.Errorf("listed: %+v", list)
	}
}
