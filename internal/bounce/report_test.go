package bounce

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"portal-invites/internal/mail"
)

const (
	dana = "dana.wu@bluebottle.example"
	ours = "0f6b2c1e-5a77-5c3d-9d0e-3f1f6a1c2b4d.1@mail.portal.example"
)

// result has the fields of a finding that the table below states: reason, firm, address, code.
type result struct {
	reason        Reason
	firm          string
	email, status string
}

// whatReportsMean has every file of testdata. A file's name begins with the program that wrote it.
var whatReportsMean = map[string][]result{
	"postfix_unknown_user": {{MailboxUnknown, "acme-cpa", dana, "5.1.1"}},
	"postfix_no_domain":    {{MailboxUnknown, "acme-cpa", "dana.wu@bluebotle.example", "5.4.4"}},
	"postfix_null_mx":      {{MailboxUnknown, "acme-cpa", "dana.wu@parked.example", "5.1.0"}},
	"postfix_delayed":      {{NotFailed, "acme-cpa", dana, "4.4.1"}},
	"postfix_relayed":      {{NotFailed, "acme-cpa", dana, "2.0.0"}},
	"postfix_gave_up":      {{GaveUp, "acme-cpa", dana, "4.4.1"}},
	"postfix_xtext":        {{MailboxDisabled, "acme-cpa", "dana.wu+portal@bluebottle.example", "5.2.1"}},
	"postfix_forwarded":    {{Forwarded, "acme-cpa", "office@bluebottle.example", "5.1.1"}},
	"postfix_two_recipients": {
		{MailboxUnknown, "acme-cpa", "office@bluebottle.example", "5.1.1"},
		{NotFailed, "acme-cpa", "office@bluebottle.example", "2.0.0"},
	},
	"postfix_other_mail":          {{NotOurs, "", dana, "5.1.1"}},
	"postfix_before_the_header":   {{NoFirm, "", dana, "5.1.1"}},
	"postfix_international":       {{MailboxUnknown, "acme-cpa", "dana@xn--bcher-kva.example", "5.1.1"}},
	"postfix_cut_off":             {{MailboxUnknown, "acme-cpa", dana, "5.1.1"}},
	"exim_unknown_user":           {{MailboxUnknown, "acme-cpa", dana, "5.0.0"}},
	"exim_no_code":                {{Unclear, "acme-cpa", dana, "5.0.0"}},
	"opensmtpd_reply_in_text":     {{MailboxUnknown, "acme-cpa", dana, "5.0.0"}},
	"postfix_bare_550":            {{MailboxUnknown, "acme-cpa", dana, "5.0.0"}},
	"xpostfix_unknown_user":       {{MailboxUnknown, "acme-cpa", dana, "5.0.0"}},
	"outlook_mailbox_unavailable": {{MailboxUnknown, "acme-cpa", dana, "5.5.0"}},
	"gmail_broken_part":           {{MailboxUnknown, "acme-cpa", dana, "5.1.1"}},
	"gmail_receiving_rate":        {{TooFast, "acme-cpa", dana, "5.2.1"}},
	"sendmail_blacklisted":        {{OurSide, "acme-cpa", dana, "5.1.1"}},
	"postfix_over_quota":          {{MailboxFull, "acme-cpa", dana, "5.1.1"}},
	"postfix_resolver":            {{Elsewhere, "acme-cpa", dana, "5.4.4"}},
	"exim_gave_up":                {{GaveUp, "acme-cpa", dana, "5.0.0"}},
	"microsoft365_unknown_user":   {{MailboxUnknown, "acme-cpa", dana, "5.1.10"}},
	"microsoft365_edge_blocked":   {{MailboxUnknown, "acme-cpa", dana, "5.4.1"}},
	"microsoft365_disabled":       {{MailboxDisabled, "acme-cpa", dana, "5.2.1"}},
	"microsoft365_mailbox_full":   {{MailboxFull, "acme-cpa", dana, "5.2.2"}},
	"microsoft365_too_large":      {{TooLarge, "acme-cpa", dana, "5.2.3"}},
	"microsoft365_route":          {{Elsewhere, "acme-cpa", dana, "5.4.14"}},
	"gmail_unknown_user":          {{MailboxUnknown, "acme-cpa", dana, "5.1.1"}},
	"gmail_policy":                {{OurSide, "acme-cpa", dana, "5.7.26"}},
	"sendmail_unknown_user":       {{MailboxUnknown, "acme-cpa", dana, "5.1.1"}},
	"no_original":                 {{NoFirm, "", dana, "5.1.1"}},
	"complaint_abuse":             {{Complained, "acme-cpa", dana, ""}},
	"complaint_by_header":         {{Complained, "acme-cpa", dana, ""}},
	"complaint_redacted":          {{NoRecipient, "acme-cpa", "", ""}},
	"complaint_not_spam":          {{OtherFeedback, "acme-cpa", dana, ""}},
	"complaint_jmrp":              {{Complained, "acme-cpa", dana, ""}},
	"vacation":                    nil, // not a report
	"read_receipt":                nil,
	"without_status":              {{reason: Unreadable}},
	"garbled_status":              {{reason: Unreadable}},
}

// read reads a message in the same way as the command.
func read(raw []byte, firm string) []result {
	report, err := Read(bytes.NewReader(raw))
	if errors.Is(err, ErrNoReport) {
		return nil
	}
	if err != nil {
		return []result{{reason: Unreadable}}
	}
	var all []result
	for _, f := range report.Findings(Asked{Firm: firm, Unproven: true}) {
		all = append(all, result{f.Reason, f.Firm, f.Email.Normal, f.Status})
	}
	return all
}

func testdata(tb testing.TB, name string) []byte {
	tb.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".eml"))
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func equal(a, b []result) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestWhatReportsMean(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(files) != len(whatReportsMean) {
		t.Fatalf("%d files, %d in the table, %v", len(files), len(whatReportsMean), err)
	}
	for name, want := range whatReportsMean {
		raw := testdata(t, name)
		if got := read(raw, ""); !equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
		// Some files have CRLF line ends, and others LF.
		if got := read(bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n")), ""); !equal(got, want) {
			t.Errorf("%s with CRLF: %v, want %v", name, got, want)
		}
	}
}

func TestTheOperatorsFirm(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]map[string][]result{
		"no_original": {
			"acme-cpa": {{MailboxUnknown, "acme-cpa", dana, "5.1.1"}},
		},
		"postfix_before_the_header": {
			"acme-cpa": {{MailboxUnknown, "acme-cpa", dana, "5.1.1"}},
		},
		"postfix_unknown_user": {
			"acme-cpa":  {{MailboxUnknown, "acme-cpa", dana, "5.1.1"}},
			"other-cpa": {{OtherFirm, "acme-cpa", dana, "5.1.1"}},
		},
		"postfix_other_mail": { // naming a firm does not make a mail ours that we did not send
			"acme-cpa": {{NotOurs, "", dana, "5.1.1"}},
		},
	} {
		for firm, want := range want {
			if got := read(testdata(t, name), firm); !equal(got, want) {
				t.Errorf("%s with --firm %s: %v, want %v", name, firm, got, want)
			}
		}
	}
}

// A bounce of a bounce is about the outer mail.
func TestPartsOfAQuotedMailAreNotRead(t *testing.T) {
	t.Parallel()
	note := "Subject: Fwd: what is this?\nContent-Type: multipart/mixed; boundary=o\n\n" +
		"--o\nContent-Type: message/rfc822\n\n" +
		string(testdata(t, "postfix_unknown_user")) + "\n--o--\n"
	if got := read([]byte(note), "acme-cpa"); got != nil {
		t.Errorf("a report that somebody forwarded suppresses an address: %v", got)
	}
}

func TestHostileReports(t *testing.T) {
	t.Parallel()
	status := "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n"
	failed := "Final-Recipient: rfc822; " + dana + "\nAction: failed\nStatus: 5.1.1\n"
	top := "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n"
	var deep strings.Builder
	for i := range 1000 {
		kind := "report; report-type=delivery-status"
		if i > 0 {
			kind = "mixed"
		}
		fmt.Fprintf(&deep, "Content-Type: multipart/%s; boundary=b%04d\n\n--b%04d\n", kind, i, i)
	}
	deep.WriteString(status + failed)
	for name, test := range map[string]struct {
		raw  string
		want []result
	}{
		"nothing":        {"", nil},
		"no header":      {"\n\n\n", nil},
		"a line of 5 MB": {strings.Repeat("x", 5<<20), nil},
		"no boundary": {
			"Content-Type: multipart/report; report-type=delivery-status\n\n--\n", []result{{reason: Unreadable}},
		},
		"deep": {deep.String(), []result{{reason: Unreadable}}},
		"a status of 2 MB": {
			top + status + failed + strings.Repeat("X-Filler: yes\n", 150_000) + "\n--b--\n", []result{{reason: Unreadable}},
		},
		"a status without end": {top + status + failed, []result{{NoFirm, "", dana, "5.1.1"}}},
		"an unknown charset": {strings.Replace(top+status+failed+"\n--b--\n", "message/delivery-status",
			"message/delivery-status; charset=klingon", 1),
			[]result{{NoFirm, "", dana, "5.1.1"}}},
		"an unknown encoding": {strings.Replace(top+status+failed+"\n--b--\n", "message/delivery-status",
			"message/delivery-status\nContent-Transfer-Encoding: rot13", 1),
			[]result{{NoFirm, "", dana, "5.1.1"}}},
		"no recipient": {
			top + status + "Action: failed\nStatus: 5.1.1\n\n--b--\n", []result{{NoRecipient, "", "", "5.1.1"}},
		},
		"another kind of address": {
			top + status + strings.Replace(failed, "rfc822;", "x400;", 1) + "\n--b--\n",
			[]result{{NoRecipient, "", "", "5.1.1"}},
		},
		"no address": {
			top + status + strings.Replace(failed, dana, "dana", 1) + "\n--b--\n", []result{{BadAddress, "", "", "5.1.1"}},
		},
		"a line break in the address": {
			top + status + strings.Replace(failed, dana, "dana@x.example\n\tlee@x.example", 1) + "\n--b--\n",
			[]result{{BadAddress, "", "", "5.1.1"}}},
		"an invalid firm": {top + status + failed + "\n--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <" + ours +
			">\nX-Portal-Firm: acme.cpa.>\n\n--b--\n", []result{{NoFirm, "", dana, "5.1.1"}}},
		"two reports in one": {
			top + status + failed + "\n--b\n" + status + strings.Replace(failed, "dana", "lee", 1) + "\n--b--\n",
			[]result{{NoFirm, "", dana, "5.1.1"}}},
	} {
		if got := read([]byte(test.raw), ""); !equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// A hostile report may be written to be shown in a terminal or a log.
func TestNothingHostileIsShown(t *testing.T) {
	t.Parallel()
	const evil = "\x1b[2Jx@y.example"
	raw := strings.NewReplacer("dana.wu@bluebottle.example", evil, ours, evil).Replace(string(testdata(t, "no_original")))
	report, err := Read(strings.NewReader(raw + "\n--x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings(Asked{Firm: "acme-cpa", Unproven: true}) {
		if f.Reason != BadAddress || f.Masked() != "•••" ||
			strings.Contains(f.Reason.Words()+f.Status+f.Firm+f.OurMail(), "\x1b") {
			t.Errorf("%+v is shown as %q", f, f.Masked())
		}
	}
	quoting := strings.Replace(string(testdata(t, "postfix_unknown_user")), "X-Portal-Firm: acme-cpa",
		"X-Portal-Firm: "+evil, 1)
	if report, err = Read(strings.NewReader(strings.ReplaceAll(quoting, ours, evil))); err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings(Asked{}) {
		if f.Reason != NotOurs || f.Firm != "" || f.OurMail() != "" {
			t.Errorf("%+v", f)
		}
	}
	for _, broken := range []string{
		"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n" + evil + "\n\n--b--\n",
		"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n" +
			"--b\nContent-Type: message/delivery-status\n\n" + evil + "\n\n--b--\n",
	} {
		if _, err := Read(strings.NewReader(broken)); err == nil || strings.Contains(err.Error(), "y.example") {
			t.Errorf("the error repeats the report's text: %v", err)
		}
	}
}

// Anybody can write into the mailbox for reports. A report suppresses nobody unless it says which mail of ours came
// back, and the pipeline knows whether that is true. Only so many of its recipients count.
func TestForgedReportsSuppressNobody(t *testing.T) {
	t.Parallel()
	const header = "X-Portal-Firm: acme-cpa\n"
	forged := func(header string, recipients int) Report {
		t.Helper()
		raw := "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n" +
			"Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\n"
		for i := range recipients {
			raw += fmt.Sprintf("Final-Recipient: rfc822; p%d@x.example\nAction: failed\nStatus: 5.1.1\n\n", i)
		}
		report, err := Read(strings.NewReader(raw + "--b\nContent-Type: text/rfc822-headers\n\n" + header + "\n--b--\n"))
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	unquoted := forged(header, 1)
	for asked, want := range map[Asked]Reason{{}: WhichMail, {Unproven: true}: MailboxUnknown} {
		if f := unquoted.Findings(asked)[0]; f.Reason != want || f.Published() != asked.Unproven {
			t.Errorf("asked %+v, a report that quotes no mail is %s, published: %t", asked, f.Reason, f.Published())
		}
	}
	published, tooMany := 0, 0
	for _, f := range forged(header+"Message-ID: <"+ours+">\n", 13_000).Findings(Asked{}) {
		if f.Published() {
			published++
		}
		if f.Reason == TooMany {
			tooMany++
		}
	}
	if published != 10 || tooMany != 12_990 {
		t.Errorf("of 13,000 recipients, %d are published and %d are too many", published, tooMany)
	}
	// A relay has replaced the Message-ID. The mail's own header still says it.
	relayed := forged(header+"Message-ID: <0100018f@eu.provider.example>\n"+mail.MailHeader+": "+ours+"\n", 1)
	if f := relayed.Findings(Asked{})[0]; !f.Reported() || f.OurMail() != ours {
		t.Errorf("by way of a relay: %+v", f)
	}
}
