package main

import (
	"fmt"
	"strings"

	"portal-invites/internal/app"
	"portal-invites/internal/bounce"
)

// bounceSummary is what `publisher bounce` prints at its end.
type bounceSummary struct {
	read   []bounced
	dryRun bool
}

// bounceReport is a finding for programs, as one line of JSON.
type bounceReport struct {
	Message     string `json:"message"` // the file; for an mbox also the message's number
	Result      string `json:"result"`  // suppressed, reported, left_alone or needs_attention
	Reason      string `json:"reason"`
	Explanation string `json:"explanation"`
	Firm        string `json:"firm,omitempty"`
	EmailMasked string `json:"email_masked,omitempty"`
	Status      string `json:"status,omitempty"`     // the report's enhanced status code
	MessageID   string `json:"message_id,omitempty"` // of the mail that came back, if the pipeline sent it
	EventID     string `json:"event_id,omitempty"`
	Published   bool   `json:"published"`
}

func (m bounceSummary) report(b bounced, f bounce.Finding) bounceReport {
	r := bounceReport{
		Message: b.name, Result: "left_alone", Reason: string(f.Reason), Explanation: f.Reason.Words(),
		Firm: f.Firm, EmailMasked: f.Masked(), Status: f.Status, MessageID: f.OurMail(),
	}
	if b.wrong != "" {
		r.Explanation += ": " + b.wrong
	}
	switch {
	case f.Reason.Suppresses():
		r.Result, r.EventID, r.Published = "suppressed", f.EventID(), !m.dryRun
	case f.Reported():
		r.Result, r.EventID, r.Published = "reported", f.EventID(), !m.dryRun
	case f.Reason.WantsAttention():
		r.Result = "needs_attention"
	}
	return r
}

func (m bounceSummary) show(s app.Streams, output string) {
	counts := map[string]int{}
	for _, b := range m.read {
		if output == outputText {
			fmt.Fprintln(s.Out, b.name)
		}
		for _, f := range b.findings {
			r := m.report(b, f)
			counts[r.Result]++
			if output == outputJSON {
				printJSON(s.Out, r)
				continue
			}
			fmt.Fprintln(s.Out, "  "+m.line(r))
		}
	}
	if output == outputJSON {
		return
	}
	suppressed, reported := "suppressed", "reported"
	if m.dryRun {
		suppressed, reported = "to be suppressed", "to be reported"
	}
	fmt.Fprintf(s.Out, "%s: %d %s", count(len(m.read), "message"), counts["suppressed"], suppressed)
	if n := counts["reported"]; n > 0 {
		fmt.Fprintf(s.Out, ", %d %s", n, reported)
	}
	fmt.Fprintf(s.Out, ", %d left alone", counts["left_alone"])
	if n := counts["needs_attention"]; n > 0 {
		fmt.Fprintf(s.Out, ", %d to be looked at", n)
	}
	fmt.Fprintln(s.Out)
}

// line returns a finding for people: the result, the address, the code, the firm and the reason.
func (m bounceSummary) line(r bounceReport) string {
	result := map[string]string{
		"suppressed": "suppressed", "reported": "reported", "left_alone": "left alone", "needs_attention": "LOOK AT IT",
	}[r.Result]
	switch {
	case m.dryRun && r.Result == "suppressed":
		result = "to suppress"
	case m.dryRun && r.Result == "reported":
		result = "to report"
	}
	parts := []string{result}
	for _, part := range []string{r.EmailMasked, r.Status, r.Firm} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, "  ") + "\n    " + r.Explanation
}
