package pipeline

import (
	"strings"
	"testing"

	"portal-invites/internal/events"
)

// A contact reads its own language, or else the firm's. So does a person added by the email of a contact, and one whom nobody
// else knows of reads the firm's.
func TestMailsAreInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.publish(events.FirmUpserted, with(firmData(), "locale", "fr-CA"))
	r.publish(events.ContactUpserted, with(contactData("lucia", "Lucía Pérez", "lucia@example.com"), "locale", "es-MX"))
	r.publish(events.ContactUpserted, with(contactData("hans", "Hans Weiß", "hans@example.com"), "locale", "de"))
	r.publish(events.ContactUpserted, with(contactData("dana", "Dana Wu", "dana@example.com"), "locale", "en"))
	r.client("c1", "*lucia", "hans", "dana")
	r.invite("c1", contact("lucia"), contact("hans"), added("Dana@example.com", "Dana W."), added("sam@example.com", "Sam"))
	r.start(NewInviteWorker(r.config()))
	r.settled()
	greetings := map[string]string{
		"lucia@example.com": "Hola, Lucía Pérez:",
		"hans@example.com":  "Bonjour Hans Weiß,",
		"dana@example.com":  "Hello Dana Wu,",
		"sam@example.com":   "Bonjour Sam,",
	}
	mails := r.mailbox.Messages()
	if len(mails) != len(greetings) {
		t.Fatalf("%d mails", len(mails))
	}
	for _, m := range mails {
		if greeting := greetings[strings.ToLower(m.To[0])]; !strings.Contains(m.Text, greeting) {
			t.Errorf("%s is not greeted with %q:\n%s", m.To[0], greeting, m.Text)
		}
	}
}
