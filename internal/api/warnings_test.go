package api

import (
	"strings"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

func explanations(warnings []rules.Warning) string {
	var list []string
	for _, w := range warnings {
		list = append(list, string(w.Code)+": "+w.Explanation)
	}
	return strings.Join(list, "\n")
}

// A firm and a contact with fields that can't be used are taken without them, and a login from the future counts as
// now. status and explain say so, until newer facts come.
func TestStatusAndExplainHaveWarnings(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	ask := StatusRequest{ClientID: "c1", ContactID: "dana"}
	status := func() (ofPerson, ofFirm string) {
		t.Helper()
		r.settled()
		answer, err := r.client.Status(r.ctx, acme, ask)
		r.must(err)
		return explanations(answer.Statuses[0].Warnings), explanations(answer.Warnings)
	}
	if ofPerson, ofFirm := status(); ofPerson+ofFirm != "" {
		t.Errorf("at first: %s %s", ofPerson, ofFirm)
	}
	bad := with(with(firmData(), "logo_url", "http://acme.example/logo.png"), "reminder_after", 72)
	r.publish(acme, events.FirmUpserted, bad)
	r.publish(acme, events.ContactUpserted,
		object{"contact_id": "dana", "name": "Dana Wu", "email": "dana@example.com", "locale": "English"})
	reported := time.Date(2036, 1, 1, 12, 0, 0, 0, time.UTC)
	r.publish(acme, events.PortalAccessGranted, object{"client_id": "c1", "contact_id": "dana", "granted_at": reported})
	ofPerson, ofFirm := status()
	for _, part := range []string{
		"field_left_out: The field locale of Dana Wu was left out, because it can't be used: it must be a language tag",
		"login_in_future: The last login of Dana Wu was reported for January 1, 2036, which had not come yet. It counts for ",
	} {
		if !strings.Contains(ofPerson, part) {
			t.Errorf("the warnings of Dana are\n%s\nwithout\n%s", ofPerson, part)
		}
	}
	for _, part := range []string{
		"The field logo_url of Acme CPA was left out, because it can't be used: it must be an https address",
		"The field reminder_after of Acme CPA was left out, because it can't be used: it must be a string, is a JSON number.",
	} {
		if !strings.Contains(ofFirm, part) {
			t.Errorf("the warnings of the firm are\n%s\nwithout\n%s", ofFirm, part)
		}
	}
	explained, err := r.client.Explain(r.ctx, acme, ExplainRequest{
		ClientID: "c1", Recipients: []events.Recipient{{ContactID: "dana"}},
	})
	r.must(err)
	if got := explanations(explained.Warnings); got != ofFirm {
		t.Errorf("explain says of the firm\n%s\nand status\n%s", got, ofFirm)
	}

	r.publish(acme, events.FirmUpserted, with(firmData(), "reminder_after", "2160h"))
	r.contact("dana", "Dana Wu", "dana@example.com")
	if _, ofFirm := status(); ofFirm != "reminder_never: Acme CPA reminds nobody: "+
		"links expire before reminder_after is over." {
		t.Errorf("of late reminders: %s", ofFirm)
	}
	r.publish(acme, events.FirmUpserted, firmData())
	r.publish(acme, events.PortalAccessGranted,
		object{"client_id": "c1", "contact_id": "dana", "granted_at": time.Now().Add(30 * time.Second)})
	if ofPerson, ofFirm := status(); ofPerson+ofFirm != "" {
		t.Errorf("after newer facts: %s %s", ofPerson, ofFirm)
	}
}

// The newest fact about Dana and about her client could not be read.
func TestStatusAndExplainSayWhatWasRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.ContactUpserted, object{"contact_id": "dana", "name": "", "email": "dana@new.example"})
	r.publish(acme, events.FirmUpserted, object{"name": "Acme CPA"})
	r.settled()
	const want = "newer_fact_refused: A newer record of Dana Wu could not be read: name: is empty. " +
		"This goes by the one before."
	answer, err := r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c1", ContactID: "dana"})
	r.must(err)
	if got := explanations(answer.Statuses[0].Warnings); got != want {
		t.Errorf("status says\n%s", got)
	}
	const ofFirm = "newer_fact_refused: A newer record of Acme CPA could not be read: portal_url: missing. " +
		"This goes by the one before."
	if got := explanations(answer.Warnings); got != ofFirm {
		t.Errorf("status says of the firm\n%s", got)
	}
	explained, err := r.client.Explain(r.ctx, acme, ExplainRequest{
		ClientID: "c1", Recipients: []events.Recipient{{ContactID: "dana"}},
	})
	r.must(err)
	if got := explanations(explained.Recipients[0].Warnings); got != want {
		t.Errorf("explain says\n%s", got)
	}
	if got := explanations(explained.Warnings); got != ofFirm {
		t.Errorf("explain says of the firm\n%s", got)
	}
}

// A firm whose portal got another host is warned, also after it changed back.
func TestAChangedHostIsAWarning(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.settled()
	for _, address := range []string{"https://a.example", "https://b.example:8443/x"} {
		r.publish(acme, events.FirmUpserted, with(firmData(), "portal_url", address))
		r.settled()
	}
	explained, err := r.client.Explain(r.ctx, acme, ExplainRequest{
		ClientID: "c1", Recipients: []events.Recipient{{ContactID: "dana"}},
	})
	r.must(err)
	const want = "portal_host_changed: The portal's host changed from a.example to b.example:8443 on "
	if got := explanations(explained.Warnings); !strings.HasPrefix(got, want) {
		t.Errorf("explain says\n%s", got)
	}
	answer, err := r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c1", ContactID: "dana"})
	r.must(err)
	if got := explanations(answer.Warnings); !strings.HasPrefix(got, want) {
		t.Errorf("status says\n%s", got)
	}
}

// The services answer in the language of the firm's office, and in another one if the call names it.
func TestTheOfficesLanguage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.start()
	r.office()
	r.publish(acme, events.FirmUpserted, with(with(firmData(), "reminder_after", "2160h"), "office_locale", "es-MX"))
	r.settled()
	const inSpanish = "Acme CPA no envía recordatorios: los enlaces vencen antes de que pase reminder_after."
	for locale, want := range map[string][2]string{
		"":   {inSpanish, "No se ha enviado"},
		"de": {inSpanish, "No se ha enviado"},
		"fr-CA": {
			"Acme CPA ne relance personne\u00a0: les liens expirent avant la fin de reminder_after.", "Aucune invitation",
		},
		"en": {"Acme CPA reminds nobody: links expire before reminder_after is over.", "No invite has been sent"},
	} {
		answer, err := r.client.Status(r.ctx, acme, StatusRequest{ClientID: "c1", ContactID: "dana", Locale: locale})
		r.must(err)
		if got := answer.Warnings[0].Explanation; got != want[0] {
			t.Errorf("in %q, status warns: %s", locale, got)
		}
		if got := answer.Statuses[0].Sentence; !strings.HasPrefix(got, want[1]) {
			t.Errorf("in %q, the sentence is: %s", locale, got)
		}
		explained, err := r.client.Explain(r.ctx, acme, ExplainRequest{
			ClientID: "c1", Recipients: []events.Recipient{{ContactID: "dana"}}, Locale: locale,
		})
		r.must(err)
		if got := explained.Warnings[0].Explanation; got != want[0] {
			t.Errorf("in %q, explain warns: %s", locale, got)
		}
	}
}
