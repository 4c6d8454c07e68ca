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

// suppressed is the event that a payload becomes.
type suppressed struct {
	firm  string // "" if the payload must become no event
	t     events.Type
	cause string
}

const firmGiven = "asked-cpa"

// whatWebhooksMean has every payload. A payload's name begins with the provider, whose program reads it. asked-cpa is
// the firm of the command line, and acme-cpa is the one in the mail's header.
var whatWebhooksMean = map[string]suppressed{
	"ses-permanent":     {"acme-cpa", events.EmailSuppressed, "bounce"},
	"ses-permanent-raw": {"asked-cpa", events.EmailSuppressed, "bounce"},
	"ses-complaint":     {"acme-cpa", events.EmailSuppressed, "complaint"},
	"ses-policy":        {},
	"ses-mailbox-full":  {},
	"ses-not-spam":      {},
	"ses-delivery":      {},
	"ses-subscription":  {},

	"postmark-hard-bounce":          {"acme-cpa", events.EmailSuppressed, "bounce"},
	"postmark-bad-address":          {"asked-cpa", events.EmailSuppressed, "bounce"},
	"postmark-complaint":            {"asked-cpa", events.EmailSuppressed, "complaint"},
	"postmark-suppressed-by-hand":   {"asked-cpa", events.EmailSuppressed, "manual"},
	"postmark-reactivated":          {"asked-cpa", events.EmailUnsuppressed, "manual"},
	"postmark-suppressed-by-bounce": {}, // the bounce has a webhook of its own
	"postmark-soft-bounce":          {},
	"postmark-blocked":              {},

	"mailgun-permanent":            {"asked-cpa", events.EmailSuppressed, "bounce"},
	"mailgun-suppressed":           {"asked-cpa", events.EmailSuppressed, "bounce"},
	"mailgun-suppressed-complaint": {"asked-cpa", events.EmailSuppressed, "complaint"},
	"mailgun-complained":           {"asked-cpa", events.EmailSuppressed, "complaint"},
	"mailgun-policy":               {},
	"mailgun-old-code":             {},
	"mailgun-temporary":            {},
	"mailgun-unsubscribed":         {},
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
		if want == (suppressed{}) {
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

func checkEvent(t *testing.T, name string, line []byte, want suppressed) {
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
	data, ok := event.Data.(*events.Suppression)
	if !ok || data.Email != "dana.wu@bluebottle.example" || data.Cause != want.cause || event.Firm != want.firm {
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
