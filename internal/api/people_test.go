package api

import (
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/testkit"
)

// A bulk request is for the contacts that statuses lists with a filter. The list, the explanation and the run have one
// number, and those who leave the filter because of the run are not passed over.
func TestABulkRequestForPeopleByTheirStatuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.InviteRequested, testkit.InviteData("c3", testkit.Contact("dana"),
		testkit.Added("guest@example.com", "Gus Guest")))
	r.settled()
	selects := func(mode string, filter events.PeopleFilter, plan bool) Run {
		t.Helper()
		_, counts := r.statuses(StatusesRequest{State: string(filter.State), Reason: filter.Reason, Primary: filter.Primary})
		request := ExplainRequest{Selection: &events.Selection{Statuses: &filter}, Mode: mode, Plan: plan}
		explained, err := r.client.Explain(r.ctx, acme, request)
		r.must(err)
		data := with(testkit.Bulk(object{"statuses": filter}), "mode", mode)
		if plan {
			data = with(data, "plan", explained.Plan.ID)
		}
		run := r.runOf(r.publish(acme, events.BulkInviteRequested, data), completed)
		if run.Selected != counts.People || explained.Totals.Selected != counts.People ||
			run.Sent != explained.Totals.WouldSend || run.NotPlanned != 0 {
			t.Errorf("%+v: the list has %d, explain %+v, and the run %+v", filter, counts.People, explained.Totals, run)
		}
		r.settled()
		return run
	}
	primary := true
	run := selects("invite", events.PeopleFilter{State: rules.StatusNeverAsked}, true)
	if run.Selected != 3 || run.Sent != 1 {
		t.Errorf("never asked: %+v", run) // Dana on c1, Lee, who is not Primary, and Sam, who has Dana's email
	}
	run = selects("invite", events.PeopleFilter{State: rules.StatusNotSent, Primary: &primary}, false)
	if run.Selected != 1 {
		t.Errorf("not sent: %+v", run)
	}
	// The guest is in the list of those who were invited, and in no bulk selection.
	run = r.runOf(r.publish(acme, events.BulkInviteRequested,
		with(testkit.Bulk(object{"statuses": object{"state": "invited"}}), "mode", "resend")), completed)
	if run.Selected != 2 {
		t.Errorf("reminded: %+v", run)
	}
	_, err := r.client.Explain(r.ctx, acme, ExplainRequest{
		Selection: &events.Selection{Statuses: &events.PeopleFilter{State: rules.StatusInvited}},
		Assume:    []AssumedFact{r.fact(events.ContactRemoved, object{"contact_id": "dana"})},
	})
	refused(t, err, 400, "assume: can't be combined with selection.statuses")
	_, err = r.client.Explain(r.ctx, acme, ExplainRequest{Selection: &events.Selection{Statuses: &events.PeopleFilter{}}})
	refused(t, err, 400, "selection.statuses: needs at least one filter")
}
