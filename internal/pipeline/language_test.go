package pipeline_test

import (
	"strings"
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// A contact gets mails in its own language, or else in the firm's. So does a person who was added by a contact's email.
// A person who is no contact gets mails in the firm's language.
func TestMailsAreInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.Publish(events.FirmUpserted, testkit.With(testkit.FirmData(), "locale", "fr-CA"))
	r.Publish(events.ContactUpserted, testkit.With(testkit.ContactData("lucia", "Lucía Pérez", "lucia@example.com"),
		"locale", "es-MX"))
	r.Publish(events.ContactUpserted, testkit.With(testkit.ContactData("hans", "Hans Weiß", "hans@example.com"), "locale",
		"de"))
	r.Publish(events.ContactUpserted, testkit.With(testkit.ContactData("dana", "Dana Wu", "dana@example.com"), "locale",
		"en"))
	r.UpsertClient("c1", "*lucia", "hans", "dana")
	r.Invite("c1", testkit.Contact("lucia"), testkit.Contact("hans"), testkit.Added("Dana@example.com", "Dana W."),
		testkit.Added("sam@example.com", "Sam"))
	r.StartInvites()
	r.Settled()
	greetings := map[string]string{
		"lucia@example.com": "Hola, Lucía Pérez:",
		"hans@example.com":  "Bonjour Hans Weiß,",
		"dana@example.com":  "Hello Dana Wu,",
		"sam@example.com":   "Bonjour Sam,",
	}
	mails := r.Mailbox.Messages()
	if len(mails) != len(greetings) {
		t.Fatalf("%d mails", len(mails))
	}
	for _, m := range mails {
		if greeting := greetings[strings.ToLower(m.To[0])]; !strings.Contains(m.Text, greeting) {
			t.Errorf("%s is not greeted with %q:\n%s", m.To[0], greeting, m.Text)
		}
	}
}
