package ctl

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// outcome is an outcome event of the stream. It has the fields that are printed, of all types together.
type outcome struct {
	Type     events.Type
	ID       string // ce-id
	Time     time.Time
	Sequence uint64
	Raw      json.RawMessage
	behind   uint64 // how many more outcomes the broker had for this reader

	outcomeData
}

type outcomeData struct {
	FirmID    string               `json:"firm_id"`
	ClientID  string               `json:"client_id"`
	Recipient events.OutcomePerson `json:"recipient"`
	Cause     events.Cause         `json:"cause"`
	RunID     string               `json:"run_id"`
	ReplayID  string               `json:"replay_id"`

	Reason   rules.Code `json:"reason"`    // of InviteSkipped
	Stage    string     `json:"stage"`     // of InviteFailed, like the next two
	SMTPCode int        `json:"smtp_code"` // 0: no reply
	Kind     string     `json:"kind"`

	EnhancedCode string `json:"enhanced_code"` // of InviteFailed

	Selected int `json:"selected"` // of outcomes of runs, like the rest
	Sent     int `json:"sent"`
	Skipped  int `json:"skipped"`
	Failed   int `json:"failed"`
	Pending  int `json:"pending"`

	ByReason map[rules.Code]int `json:"by_reason"`

	OneClick bool `json:"one_click"` // of InviteDeclined

	RequestedBy string `json:"requested_by"` // of an instruction to a run

	OldHost string `json:"old_host"` // of FirmChanged, like the next one
	NewHost string `json:"new_host"`
}

// answered reads an outcome that the service has answered.
func answered(entry api.Outcome) (outcome, error) {
	o := outcome{Sequence: entry.Sequence, Type: entry.Type, ID: entry.ID, Time: entry.Time, Raw: entry.Data}
	if err := json.Unmarshal(o.Raw, &o.outcomeData); err != nil {
		return outcome{}, fmt.Errorf("read outcome %d: %w", o.Sequence, err)
	}
	return o, nil
}

// MarshalJSON is what -o json prints: the position of the outcome in the stream, and its data unchanged.
func (o outcome) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Sequence uint64          `json:"sequence"`
		Type     events.Type     `json:"type"`
		ID       string          `json:"id"`
		Time     time.Time       `json:"time"`
		Data     json.RawMessage `json:"data"`
	}{o.Sequence, o.Type, o.ID, o.Time.UTC(), o.Raw})
}

// ofRun says whether the outcome belongs to the run, or is about the run itself. The outcomes of a replay have both the
// id of the run they came from and the id of the replay.
func (o outcome) ofRun(run string) bool { return o.RunID == run || o.ReplayID == run }

// short is the type in one word, for a column.
func (o outcome) short() string {
	if w, known := o.words(); known {
		return w.short
	}
	return string(o.Type) // a newer worker published it
}

// detail is what else there is to say, in one line.
func (o outcome) detail() string {
	if w, known := o.words(); known {
		return w.detail(o)
	}
	return o.Kind // a newer worker published it
}

// outcomeWords say how a list shows a type of outcome. Every type has one.
type outcomeWords struct {
	typ    events.Type
	short  string // in one word, for a column
	detail func(outcome) string
}

var allOutcomeWords = []outcomeWords{
	{events.InviteSent, "sent", kindOf},
	{events.InviteSkipped, "skipped", func(o outcome) string { return string(o.Reason) }},
	{events.InviteFailed, "failed", whereRefused},
	{events.InviteDelivered, "delivered", kindOf},
	{events.InviteAccepted, "accepted", kindOf},
	{events.InviteDeclined, "declined", howDeclined},
	{events.InviteExpired, "expired", kindOf},
	{events.RemovedAccess, "removed", kindOf},
	{events.RunProgressed, "running", sumsOf},
	{events.RunCompleted, "run done", sumsOf},
	{events.RunRevised, "revised", sumsOf},
	{events.RunPaused, "paused", whoAsked},
	{events.RunResumed, "resumed", whoAsked},
	{events.RunCancelled, "cancelled", whoAsked},
	{events.RunScheduled, "scheduled", whoAsked},
	{events.FirmChanged, "firm", hostsOf},
}

func (o outcome) words() (w outcomeWords, known bool) {
	for _, w := range allOutcomeWords {
		if w.typ == o.Type {
			return w, true
		}
	}
	return outcomeWords{}, false
}

func kindOf(o outcome) string { return o.Kind }

func howDeclined(o outcome) string {
	if o.OneClick {
		return o.Kind + ", by one click"
	}
	return o.Kind
}

func whereRefused(o outcome) string {
	switch {
	case o.Stage == "after":
		return strings.TrimSpace("came back " + o.EnhancedCode)
	case o.SMTPCode == 0:
		return "at " + o.Stage
	default:
		return fmt.Sprintf("%d at %s", o.SMTPCode, o.Stage)
	}
}

func hostsOf(o outcome) string { return o.OldHost + " -> " + o.NewHost }

func whoAsked(o outcome) string {
	return strings.TrimPrefix("by "+o.RequestedBy+": "+sumsOf(o), "by : ")
}

func sumsOf(o outcome) string { return sums(o.Sent, o.Skipped, o.Failed, o.Pending) }

// person is the recipient in one word.
func (o outcome) person() string {
	if o.Recipient.ContactID != "" {
		return o.Recipient.ContactID
	}
	return o.Recipient.EmailMasked
}

// sums writes the counts of a run, without those that are zero. The sent ones are always written.
func sums(sent, skipped, failed, pending int) string {
	parts := []string{fmt.Sprintf("%d sent", sent)}
	for _, part := range []struct {
		n    int
		name string
	}{{skipped, "skipped"}, {failed, "failed"}, {pending, "pending"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.name))
		}
	}
	return strings.Join(parts, ", ")
}
