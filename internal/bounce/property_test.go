package bounce

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
)

// holds checks what the package promises for any input: the workers can read every event, which has the finding's
// address, and a finding that does not suppress has no event.
func holds(raw []byte, firm string) error {
	report, err := Read(bytes.NewReader(raw))
	if err != nil {
		if strings.Contains(err.Error(), "@") {
			return fmt.Errorf("the error has an address in it: %w", err)
		}
		return nil
	}
	findings := report.Findings(Asked{Firm: firm, Unproven: true})
	if len(findings) == 0 {
		return fmt.Errorf("a report without a finding")
	}
	for _, f := range findings {
		out, err := f.Event(time.Unix(0, 0))
		if !f.Published() {
			if err == nil {
				return fmt.Errorf("%s makes an event", f.Reason)
			}
			continue
		}
		if err != nil {
			return err
		}
		msg, err := out.Message()
		if err != nil {
			return err
		}
		event, err := events.Decode(msg.Subject, msg.Header, msg.Data)
		if err != nil {
			return err
		}
		email, isRight := "", false
		if data, is := event.Data.(*events.Suppression); is {
			email, isRight = data.Email, !f.Reported()
		}
		if data, is := event.Data.(*events.MailReport); is {
			email, isRight = data.Email, data.MessageID == f.Mail && proves(*data) == f.Reason.Suppresses()
		}
		if !isRight || address.Parse(email).Normal != f.Email.Normal || event.Firm != f.Firm || firm != "" && f.Firm != firm {
			return fmt.Errorf("%+v became %s", f, msg.Data)
		}
	}
	return nil
}

// proves says whether the pipeline suppresses the address because of a report.
func proves(r events.MailReport) bool {
	code, enhanced := events.SplitCode(r.Code)
	return r.Kind == events.MailComplained ||
		r.Kind == events.MailBounced && sameProof(MailboxUnknown, code, enhanced, r.Said)
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.eml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, "")
	}
	f.Add([]byte("From a\n\nFrom b\n"), "acme-cpa")
	f.Fuzz(func(t *testing.T, raw []byte, firm string) {
		if events.CheckFirm(firm) != nil {
			firm = ""
		}
		if err := holds(raw, firm); err != nil {
			t.Error(err)
		}
	})
}

// TestReportsOfAllKinds builds reports from parts that are right, wrong or missing.
func TestReportsOfAllKinds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pick := func(name string, from ...string) string { return rapid.SampledFrom(from).Draw(t, name) }
		to := pick("to", "dana@x.example", "DANA@X.example", "dana+2B@x.example", "dana@bücher.example", "", "@",
			"a\u202e@b.example")
		status := "Reporting-MTA: dns; x\n\n"
		for range rapid.IntRange(0, 3).Draw(t, "recipients") {
			status += pick("final", "Final-Recipient: rfc822; "+to+"\n", "Original-Recipient: utf-8;"+to+"\n",
				"Final-Recipient:\n", "") +
				pick("action", "Action: failed\n", "Action: delayed\n", "Action\n", "") +
				pick("status", "Status: 5.1.1\n", "Status: 4.1.1\n", "Status: 999.1\n", "") +
				pick("diagnostic", "Diagnostic-Code: smtp; 550 5.2.1 no "+to+"\n", "") + "\n"
		}
		raw := pick("top", "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n",
			"Content-Type: multipart/mixed; boundary=b\n\n", "") +
			"--b\nContent-Type: " +
			pick("type", "message/delivery-status", "message/global-delivery-status", "message/feedback-report", "text/plain") +
			pick("encoding", "\nContent-Transfer-Encoding: base64", "", "") + "\n\n" + status +
			"--b\nContent-Type: " + pick("quoted", "message/rfc822", "text/rfc822-headers") + "\n\n" +
			pick("id", "Message-ID: <"+ours+">\n", "Message-ID: <other@x.example>\n", "") +
			pick("firm", "X-Portal-Firm: acme-cpa\n", "X-Portal-Firm: a b\n", "") + "To: " + to + pick("end", "\n\n--b--\n", "")
		if err := holds([]byte(raw), pick("asked", "", "acme-cpa", "other")); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTheSameReportIsTheSameEvent(t *testing.T) {
	t.Parallel()
	find := func(name, firm string, edits ...string) Finding {
		raw := strings.NewReplacer(edits...).Replace(string(testdata(t, name)))
		report, err := Read(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		return report.Findings(Asked{Firm: firm, Unproven: true})[0]
	}
	first := find("postfix_unknown_user", "")
	for what, same := range map[string]Finding{
		"the same file":                     find("postfix_unknown_user", ""),
		"with --firm":                       find("postfix_unknown_user", "acme-cpa"),
		"another server's of the same mail": find("gmail_unknown_user", ""),
		"with other capitals":               find("postfix_unknown_user", "", "dana.wu@", "Dana.Wu@"),
	} {
		if same.EventID() != first.EventID() {
			t.Errorf("%s makes another event", what)
		}
	}
	for what, other := range map[string]Finding{
		"another mail":    find("postfix_unknown_user", "", "1c2b4d.1@", "1c2b4d.2@"),
		"another address": find("postfix_unknown_user", "", "dana.wu@", "lee@"),
		"another code":    find("postfix_unknown_user", "", "5.1.1", "5.2.1"),
		"another firm":    find("postfix_unknown_user", "", "acme-cpa", "other-cpa"),
		"a complaint":     find("complaint_abuse", ""),
	} {
		if other.EventID() == first.EventID() {
			t.Errorf("%s makes the same event", what)
		}
	}
}
