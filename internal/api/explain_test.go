package api

import (
	"slices"
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

func TestExplainNamedRecipients(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	answer, err := r.client.Explain(r.ctx, acme, ExplainRequest{ClientID: "c1", Recipients: []events.Recipient{
		{ContactID: "dana"}, {ContactID: "lee"}, {ContactID: "sam"}, {Email: "dana@example.com", Name: "D"},
		{Email: "max@example.com", Name: "Max"},
	}})
	r.must(err)
	want := []rules.Code{"", "email_missing", "contact_not_on_client", "duplicate_recipient", ""}
	for i, e := range answer.Recipients {
		if e.Reason != want[i] || e.WouldSend != (want[i] == "") {
			t.Errorf("%+v has the reason %q, want %q", e.Recipient, e.Reason, want[i])
		}
	}
	if answer.Totals.Selected != 5 || answer.Totals.WouldSend != 2 || answer.Totals.ByReason["email_missing"] != 1 ||
		answer.Next != "" {
		t.Errorf("totals %+v, next %q", answer.Totals, answer.Next)
	}
	if lee := answer.Recipients[1]; lee.ClientName != "Client c1" || lee.Recipient.Name != "Lee Ray" ||
		lee.Reasons[0].Remedy == "" {
		t.Errorf("Lee: %+v", lee)
	}
	// Sam has Dana's email, and she would be invited first. Explain sees that because both are in one request.
	if sam := answer.Recipients[2]; len(sam.Reasons) != 2 || sam.Reasons[1].Code != rules.EmailShared ||
		sam.Reasons[1].Conflict.ContactID != "dana" {
		t.Errorf("Sam: %+v", sam.Reasons)
	}
	var written int
	r.must(r.db.QueryRow(r.ctx, `SELECT (SELECT count(*) FROM invites) + (SELECT count(*) FROM requests) +
		(SELECT count(*) FROM access)`).Scan(&written))
	if written != 0 {
		t.Errorf("explaining wrote %d rows", written)
	}
}

func TestExplainUsesTheRulesOfTheProcess(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.FirmUpserted, object{"name": "Acme", "portal_url": "https://portal.acme.example",
		"licenses": []string{"esign"}})
	r.settled()
	for process, want := range map[events.Type]rules.Code{
		"": "", events.EsignRequested: "", events.FileShared: rules.LicenseRequired,
		events.InviteResendRequested: rules.NotInvited,
	} {
		answer, err := r.client.Explain(r.ctx, acme, ExplainRequest{
			Type: process, ClientID: "c1", Recipients: []events.Recipient{{ContactID: "dana"}}})
		r.must(err)
		if got := answer.Recipients[0].Reason; got != want {
			t.Errorf("as %q: %q, want %q", process, got, want)
		}
	}
}

func TestExplainASelectionCarriesReservationsOverPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	all := ExplainRequest{Selection: &events.Selection{AllClients: true}}
	whole, err := r.client.Explain(r.ctx, acme, all)
	r.must(err)
	// c1/dana c1/lee c2/sam c3/dana c4
	want := []rules.Code{"", "contact_not_primary", "email_shared", "", "client_has_no_contacts"}
	all.Limit = 1
	var paged []Explained
	for page := 0; ; page++ {
		answer, err := r.client.Explain(r.ctx, acme, all)
		r.must(err)
		if (page == 0) != (answer.Totals != nil) {
			t.Errorf("page %d has the totals %+v", page, answer.Totals)
		}
		paged = append(paged, answer.Recipients...)
		if all.Cursor = answer.Next; all.Cursor == "" {
			break
		}
	}
	if len(paged) != len(want) || len(whole.Recipients) != len(want) {
		t.Fatalf("%d in pages, %d in one, want %d", len(paged), len(whole.Recipients), len(want))
	}
	for i := range want {
		if paged[i].Reason != want[i] || whole.Recipients[i].Reason != want[i] {
			t.Errorf("%s/%s is %q in pages and %q in one, want %q", paged[i].ClientID, paged[i].Recipient.ContactID,
				paged[i].Reason, whole.Recipients[i].Reason, want[i])
		}
	}
	if sums := whole.Totals; sums.Selected != 5 || sums.WouldSend != 2 || sums.WouldSkip != 3 ||
		sums.ByReason["email_shared"] != 1 {
		t.Errorf("totals %+v", sums)
	}
	skipped, err := r.client.Explain(r.ctx, acme, ExplainRequest{
		Selection: &events.Selection{AllClients: true}, Only: OnlySkip, Page: Page{Limit: 2}})
	r.must(err)
	if len(skipped.Recipients) != 2 || skipped.Recipients[1].ClientID != "c2" || skipped.Next == "" ||
		skipped.Totals.WouldSend != 2 {
		t.Errorf("only those skipped: %+v", skipped)
	}
}

func TestExplainSaysWhatAReplayDoes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.BulkInviteRequested, bulkAll())
	r.settled()
	r.contact("sam", "Sam Ode", "sam@example.com")
	r.settled()
	mails := len(r.mailbox.Messages())
	dry, err := r.client.Explain(r.ctx, acme, ExplainRequest{Filter: &events.Filter{}})
	r.must(err)
	if dry.Totals.Selected != 3 || dry.Totals.WouldSend != 1 || dry.Totals.WouldSkip != 2 {
		t.Errorf("dry run: %+v", dry.Totals)
	}
	for _, e := range dry.Recipients {
		if e.InviteID == nil || e.WouldSend != (e.Recipient.ContactID == "sam") {
			t.Errorf("dry run: %+v", e)
		}
	}
	old, err := r.client.Explain(r.ctx, acme, ExplainRequest{Filter: &events.Filter{}, MaxAge: "1ns"})
	r.must(err)
	if old.Totals.Selected != 0 || old.Totals.TooOld != 3 {
		t.Errorf("with every invite too old: %+v", old.Totals)
	}
	r.publish(acme, events.ReplayRequested, object{"requested_by": "Lee", "filter": object{}})
	r.settled()
	if sent := len(r.mailbox.Messages()) - mails; sent != 1 {
		t.Errorf("the replay sent %d", sent)
	}
}

// A person who was added by email conflicts with a contact who has that email, and the other way round, also if they
// are on different pages of a dry run.
func TestExplainAReplayCarriesReservationsOverPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	firm := with(firmData(), "licenses", []string{})
	r.publish(acme, events.FirmUpserted, firm)
	r.publish(acme, events.BulkInviteRequested, bulkAll())
	for _, client := range []string{"c2", "c4"} {
		r.publish(acme, events.FileShared, object{
			"client_id": client, "requested_by": "Lee", "file": object{"id": "f", "name": "F"},
			"recipients": []object{{"email": "Dana@example.com", "name": "Dana at home"}, {"contact_id": "sam"}},
		})
	}
	r.settled()
	delete(firm, "licenses")
	r.publish(acme, events.FirmUpserted, firm)
	r.settled()

	dry := ExplainRequest{Filter: &events.Filter{}}
	whole, err := r.client.Explain(r.ctx, acme, dry)
	r.must(err)
	var paged []Explained
	for dry.Limit = 1; ; {
		answer, err := r.client.Explain(r.ctx, acme, dry)
		r.must(err)
		paged = append(paged, answer.Recipients...)
		if dry.Cursor = answer.Next; dry.Cursor == "" {
			break
		}
	}
	if one, many := predicted(whole.Recipients), predicted(paged); len(one) != whole.Totals.Selected ||
		!slices.Equal(one, many) {
		t.Errorf("in one page\n%q\nand in many\n%q", one, many)
	}
	if whole.Totals.ByReason[rules.EmailShared] == 0 || whole.Totals.WouldSend == 0 {
		t.Errorf("there is no conflict: %+v", whole.Totals)
	}
}

func TestExplainSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	one := []events.Recipient{{ContactID: "dana"}}
	for begins, request := range map[string]ExplainRequest{
		"recipients: missing (or selection, or filter)": {},
		"recipients: missing":                           {ClientID: "c1"},
		"client_id: is empty":                           {Recipients: one},
		"recipients[0].email": {
			ClientID: "c1", Recipients: []events.Recipient{{ContactID: "a", Email: "b@example.com"}}},
		"selection: ": {
			ClientID: "c1", Recipients: one, Selection: &events.Selection{AllClients: true}},
		"selection.client_ids: missing": {Selection: &events.Selection{}},
		"selection: missing":            {ClientID: "c1", Recipients: one, Type: events.BulkInviteRequested},
		"filter: missing": {
			Selection: &events.Selection{AllClients: true}, Type: events.ReplayRequested},
		"type: ": {
			ClientID: "c1", Recipients: one, Type: events.AccessRemovalRequested},
		"type: FileShared names": {
			Selection: &events.Selection{AllClients: true}, Type: events.FileShared},
		"mode: must be one of": {Selection: &events.Selection{AllClients: true}, Mode: "remind"},
		"mode: goes with":      {ClientID: "c1", Recipients: one, Mode: "invite"},
		"max_age: goes with":   {ClientID: "c1", Recipients: one, MaxAge: "1h"},
		"max_age: must be":     {Filter: &events.Filter{}, MaxAge: "soon"},
		"filter.reasons[0]":    {Filter: &events.Filter{Reasons: []rules.Code{"bad_luck"}}},
		"only: ":               {ClientID: "c1", Recipients: one, Only: "some"},
		"limit: ": {
			Selection: &events.Selection{AllClients: true}, Page: Page{Limit: 1001}},
		"cursor: ": {
			Selection: &events.Selection{AllClients: true}, Page: Page{Cursor: "?"}},
		"message.text: has an unknown merge field": {
			ClientID: "c1", Recipients: one, Message: &events.Message{Text: "Hi {{name}}"}},
	} {
		_, err := r.client.Explain(r.ctx, acme, request)
		refused(t, err, 400, begins)
	}
}
