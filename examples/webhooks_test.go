package examples_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/itchyny/gojq"

	"portal-invites/internal/events"
)

// reported is the event that a payload becomes. what is the kind of a MailReported with its code, or the cause of a
// suppression.
type reported struct {
	firm string // "" if the payload must become no event
	t    events.Type
	what string
}

const (
	firmGiven = "asked-cpa"
	ourMail   = "0f6b2c1e-5a77-5c3d-9d0e-3f1f6a1c2b4d.1@mail.portal.example"
)

// whatWebhooksMean has every payload. A payload's name begins with the provider, whose program reads it. asked-cpa is
// the firm of the command line, and acme-cpa is the one in the mail's header.
var whatWebhooksMean = map[string]reported{
	"ses-permanent":     {"acme-cpa", events.MailReported, "bounced 550 5.1.1"},
	"ses-permanent-raw": {"asked-cpa", events.EmailSuppressed, "bounce"}, // without the mail's headers
	"ses-own-list":      {"acme-cpa", events.MailReported, "bounced "},
	"ses-complaint":     {"acme-cpa", events.MailReported, "complained "},
	"ses-policy":        {"acme-cpa", events.MailReported, "bounced 550 5.7.1"},
	"ses-mailbox-full":  {"acme-cpa", events.MailReported, "bounced 550 5.2.2"},
	"ses-delivery":      {"acme-cpa", events.MailReported, "delivered 250"},
	"ses-delay":         {"acme-cpa", events.MailReported, "delayed 450 4.2.0"},
	"ses-auto-reply":    {},
	"ses-not-spam":      {},
	"ses-subscription":  {},

	"postmark-hard-bounce":          {"acme-cpa", events.MailReported, "bounced 550 5.1.1"},
	"postmark-bad-address":          {"asked-cpa", events.EmailSuppressed, "bounce"}, // without the mail's content
	"postmark-complaint":            {"asked-cpa", events.EmailSuppressed, "complaint"},
	"postmark-suppressed-by-hand":   {"asked-cpa", events.EmailSuppressed, "manual"},
	"postmark-reactivated":          {"asked-cpa", events.EmailUnsuppressed, "manual"},
	"postmark-suppressed-by-bounce": {}, // the bounce has a webhook of its own
	"postmark-soft-bounce":          {"acme-cpa", events.MailReported, "bounced 550 5.1.1"},
	"postmark-blocked":              {"acme-cpa", events.MailReported, "bounced 550 5.1.1"},

	"mailgun-permanent":            {"asked-cpa", events.MailReported, "bounced 550 5.1.1"},
	"mailgun-suppressed":           {"asked-cpa", events.MailReported, "bounced "},
	"mailgun-suppressed-complaint": {"asked-cpa", events.MailReported, "bounced "},
	"mailgun-complained":           {"asked-cpa", events.MailReported, "complained "},
	"mailgun-policy":               {"asked-cpa", events.MailReported, "bounced 550 5.7.1"},
	"mailgun-old-code":             {"asked-cpa", events.MailReported, "bounced 550"},
	"mailgun-temporary":            {"asked-cpa", events.MailReported, "delayed 452 4.2.2"},
	"mailgun-unsubscribed":         {},

	"sendgrid-bounce":        {"asked-cpa", events.MailReported, "bounced 550 5.1.1"},
	"sendgrid-bounce-later":  {"asked-cpa", events.EmailSuppressed, "bounce"}, // without the Message-ID
	"sendgrid-unknown-later": {},                                              // without it, and without proof
	"sendgrid-blocked":       {"asked-cpa", events.MailReported, "bounced 550 5.7.1"},
	"sendgrid-status-only":   {"asked-cpa", events.MailReported, "bounced 5.2.2"},
	"sendgrid-dropped":       {"asked-cpa", events.MailReported, "bounced "},
	"sendgrid-deferred":      {"asked-cpa", events.MailReported, "delayed 452 4.2.2"},
	"sendgrid-delivered":     {"asked-cpa", events.MailReported, "delivered 250"},
	"sendgrid-spam-report":   {"asked-cpa", events.MailReported, "complained "},
	"sendgrid-processed":     {},

	"resend-bounced":            {"acme-cpa", events.MailReported, "bounced 550 5.1.1"},
	"resend-bounced-no-header":  {"asked-cpa", events.EmailSuppressed, "bounce"},
	"resend-bounced-words-only": {"acme-cpa", events.MailReported, "bounced "},
	"resend-message-id-field":   {"asked-cpa", events.MailReported, "bounced 552 5.2.2"},
	"resend-own-list":           {"acme-cpa", events.MailReported, "bounced "},
	"resend-auto-reply":         {},
	"resend-delayed":            {"acme-cpa", events.MailReported, "delayed "},
	"resend-delivered":          {"acme-cpa", events.MailReported, "delivered "},
	"resend-complained":         {"acme-cpa", events.MailReported, "complained "},
	"resend-opened":             {},
}

// TestWebhooks runs the jq programs on the providers' payloads, and reads their output as `publisher emit --ndjson` and
// the workers do.
func TestWebhooks(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("webhooks/payloads/*.json")
	if err != nil || len(files) != len(whatWebhooksMean) {
		t.Fatalf("%d payloads, %d in the table, %v", len(files), len(whatWebhooksMean), err)
	}
	for name, want := range whatWebhooksMean {
		got := runJQ(t, name)
		if want == (reported{}) {
			if len(got) > 0 {
				t.Errorf("%s: %s, want nothing", name, got[0])
			}
			continue
		}
		if len(got) != 1 {
			t.Errorf("%s: %d events, want one", name, len(got))
			continue
		}
		checkEvent(t, name, got[0], want)
	}
}

func checkEvent(t *testing.T, name string, line []byte, want reported) {
	t.Helper()
	var firm struct{ Firm string }
	if err := json.Unmarshal(line, &firm); err != nil {
		t.Fatal(err)
	}
	subject, err := events.Subject(firm.Firm, want.t)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	event, err := events.Decode(subject, nil, line)
	if err != nil {
		t.Errorf("%s: %v: %s", name, err, line)
		return
	}
	email, what := "", ""
	if data, is := event.Data.(*events.Suppression); is {
		email, what = data.Email, data.Cause
	}
	if data, is := event.Data.(*events.MailReport); is {
		email, what = data.Email, string(data.Kind)+" "+data.Code
		if data.MessageID != ourMail {
			t.Errorf("%s: it is about the mail %s", name, data.MessageID)
		}
	}
	if email != "dana.wu@bluebottle.example" || what != want.what || event.Firm != want.firm {
		t.Errorf("%s: %s, want %+v", name, line, want)
	}
}

// runJQ runs `jq -c --arg firm asked-cpa -f PROVIDER.jq PAYLOAD.json`.
func runJQ(t *testing.T, name string) [][]byte {
	t.Helper()
	provider, _, _ := strings.Cut(name, "-")
	programFile, payloadFile := "webhooks/"+provider+".jq", "webhooks/payloads/"+name+".json"
	program, err := os.ReadFile(programFile)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := os.ReadFile(payloadFile)
	if err != nil {
		t.Fatal(err)
	}
	query, err := gojq.Parse(string(program))
	if err != nil {
		t.Fatalf("%s.jq: %v", provider, err)
	}
	code, err := gojq.Compile(query, gojq.WithVariables([]string{"$firm"}))
	if err != nil {
		t.Fatalf("%s.jq: %v", provider, err)
	}
	var input any
	if err := json.Unmarshal(payload, &input); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var lines [][]byte
	for results := code.RunWithContext(t.Context(), input, firmGiven); ; {
		result, more := results.Next()
		if !more {
			sameAsJQ(t, lines, programFile, payloadFile)
			return lines
		}
		if err, failed := result.(error); failed {
			t.Fatalf("%s: %v", name, err)
		}
		line, err := gojq.Marshal(result)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
}

// sameAsJQ compares with jq itself if this machine has it, since its older versions are stricter.
func sameAsJQ(t *testing.T, lines [][]byte, program, payload string) {
	t.Helper()
	jq, err := exec.LookPath("jq")
	if err != nil {
		return
	}
	command := exec.CommandContext(t.Context(), jq, "-cS", "--arg", "firm", firmGiven, "-f", program, payload)
	out, err := command.CombinedOutput()
	if want := string(bytes.Join(append(lines, nil), []byte("\n"))); err != nil || string(out) != want {
		t.Errorf("jq on %s: %v\n%swant\n%s", payload, err, out, want)
	}
}
