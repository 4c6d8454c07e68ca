package api

import (
	"fmt"
	"testing"

	"portal-invites/internal/events"
)

func TestTemplates(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	for i := range 3 {
		r.publish(acme, events.MessageTemplateUpserted, object{
			"template_id": fmt.Sprintf("t%d", i), "name": "Season", "body": "Hi {{contact.name}}"})
	}
	r.publish("other", events.MessageTemplateUpserted, object{"template_id": "theirs", "name": "N", "body": "B"})
	list := func(firm string, request TemplatesRequest) TemplatesAnswer {
		t.Helper()
		answer, err := r.client.Templates(r.ctx, firm, request)
		r.must(err)
		return answer
	}
	// The answer has what was published a moment ago.
	all := list(acme, TemplatesRequest{})
	if len(all.Templates) != 3 || all.Next != "" ||
		all.Templates[1] != (Template{TemplateID: "t1", Name: "Season", Body: "Hi {{contact.name}}"}) {
		t.Fatalf("%+v", all)
	}
	page := list(acme, TemplatesRequest{Page: Page{Limit: 2}})
	if rest := list(acme, TemplatesRequest{Page: Page{Limit: 2, Cursor: page.Next}}); len(rest.Templates) != 1 ||
		rest.Templates[0].TemplateID != "t2" || rest.Next != "" {
		t.Errorf("the second page: %+v", rest)
	}
	_, err := r.client.Templates(r.ctx, "other", TemplatesRequest{Page: Page{Cursor: page.Next}})
	refused(t, err, 400, "cursor: ")
	if one := list(acme, TemplatesRequest{TemplateID: "t2"}).Templates; len(one) != 1 || one[0].TemplateID != "t2" {
		t.Errorf("one: %+v", one)
	}
	_, err = r.client.Templates(r.ctx, acme, TemplatesRequest{TemplateID: "theirs"})
	refused(t, err, 404, "template_id: ")

	// A template that was removed is gone from the list, and nobody can be written with it. It can come back.
	withIt := with(named("c1", "dana"), "message", object{"template_id": "t1"})
	explain := func() Explained {
		t.Helper()
		answer, err := r.client.Explain(r.ctx, acme, ExplainRequest{ClientID: "c1",
			Recipients: []events.Recipient{{ContactID: "dana"}}, Message: &events.Message{TemplateID: "t1"}})
		r.must(err)
		return answer.Recipients[0]
	}
	r.publish(acme, events.MessageTemplateRemoved, object{"template_id": "t1"})
	if got := list(acme, TemplatesRequest{}); len(got.Templates) != 2 {
		t.Errorf("after the removal: %+v", got)
	}
	if got := explain(); got.WouldSend || got.Reason != "template_not_found" {
		t.Errorf("after the removal: %+v", got)
	}
	r.publish(acme, events.InviteRequested, withIt)
	r.settled()
	if n := len(r.mailbox.Messages()); n != 0 {
		t.Errorf("%d mails with a template that was removed", n)
	}
	r.publish(acme, events.MessageTemplateUpserted, object{"template_id": "t1", "name": "N", "body": "Back"})
	if got := explain(); !got.WouldSend {
		t.Errorf("after it came back: %+v", got)
	}
}
