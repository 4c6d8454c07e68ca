package oracle

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// scene is a world that has been read.
type scene struct {
	World
	requests []request
	outcomes []outcome          // of invites: sent, skipped, failed
	progress []outcome          // of runs
	valid    map[string]outcome // the valid outcome of each invite
	history  history
	returned map[string]bool // the mails that were reported to have come back, by Message-ID
	failed   map[string]bool // the invites that failed at some time after their mail had been sent
}

// request is an event that names recipients, or a bulk request.
type request struct {
	Sequence               uint64
	Firm, Source, ID, Type string
	Client                 string `json:"client_id"`
	Mode                   string `json:"mode"`
	Recipients             []recipient
	Selection              *struct {
		AllClients bool     `json:"all_clients"`
		ClientIDs  []string `json:"client_ids"`
	}
}

type recipient struct {
	Contact string `json:"contact_id"`
	Email   string `json:"email"`
}

// outcome is an outcome event. It has the fields of all types.
type outcome struct {
	Type, EventID, Raw string     `json:"-"`
	Firm               string     `json:"firm_id"`
	Invite             string     `json:"invite_id"`
	Revision           int        `json:"revision"`
	Kind               string     `json:"kind"`
	Lane               string     `json:"lane"`
	Client             string     `json:"client_id"`
	Recipient          recipient  `json:"recipient"`
	Cause              cause      `json:"cause"`
	Run                string     `json:"run_id"`
	Replay             string     `json:"replay_id"`
	Decided            time.Time  `json:"decided_at"`
	Reason             string     `json:"reason"`
	Reasons            []reason   `json:"reasons"`
	MessageID          string     `json:"message_id"`
	Stage              string     `json:"stage"`
	Attempt            int        `json:"attempt"`
	Sent               *time.Time `json:"sent_at"`
	Expires            *time.Time `json:"expires_at"`
	sums
}

type cause struct{ Source, ID, Type string }

type reason struct{ Code string }

type sums struct {
	Selected, Skipped, Failed, Pending int
	SentSum                            int            `json:"-"`
	ByReason                           map[string]int `json:"by_reason"`
}

func newScene(w World) (*scene, error) {
	s := &scene{
		World: w, valid: map[string]outcome{}, history: newHistory(), returned: map[string]bool{}, failed: map[string]bool{},
	}
	for _, m := range w.Events {
		if err := s.addEvent(m); err != nil {
			return nil, fmt.Errorf("event %d on %s: %w", m.Sequence, m.Subject, err)
		}
	}
	for _, m := range w.Outcomes {
		if err := s.addOutcome(m); err != nil {
			return nil, fmt.Errorf("outcome %d on %s: %w", m.Sequence, m.Subject, err)
		}
	}
	return s, nil
}

// addEvent reads a fact or a request. An event that nobody can handle has no meaning.
func (s *scene) addEvent(m Message) error {
	if slices.Contains(s.Bad, m.Sequence) {
		return nil
	}
	parts := strings.Split(m.Subject, ".") // portal.<prefix>.<firm>.<Type>
	if len(parts) != 4 {
		return fmt.Errorf("the subject has %d parts", len(parts))
	}
	prefix, firm, typ := parts[1], parts[2], parts[3]
	if typ == "MailReported" {
		return s.addReport(m.Body)
	}
	if prefix == "facts" {
		return s.history.add(m.Sequence, firm, typ, m.Body)
	}
	r := request{Sequence: m.Sequence, Firm: firm, Source: m.Header["ce-source"], ID: m.Header["ce-id"], Type: typ}
	if err := json.Unmarshal(m.Body, &r); err != nil {
		return err
	}
	s.requests = append(s.requests, r)
	return nil
}

func (s *scene) addReport(body []byte) error {
	var report struct {
		Kind      string
		MessageID string `json:"message_id"`
	}
	if err := json.Unmarshal(body, &report); err != nil {
		return err
	}
	if report.Kind == "bounced" {
		s.returned[report.MessageID] = true
	}
	return nil
}

func (s *scene) addOutcome(m Message) error {
	typ := strings.TrimSuffix(strings.TrimPrefix(m.Header["ce-type"], "portal."), ".v1")
	o := outcome{Type: typ, EventID: m.Header["ce-id"], Raw: string(m.Body)}
	switch typ {
	case "InviteSent", "InviteSkipped", "InviteFailed":
		if err := json.Unmarshal(m.Body, &o); err != nil {
			return err
		}
		s.outcomes = append(s.outcomes, o)
		if o.Type == "InviteFailed" && o.Stage == "after" {
			s.failed[o.Invite] = true
		}
		if o.Revision > s.valid[o.Invite].Revision {
			s.valid[o.Invite] = o
		}
	case "RunProgressed", "RunCompleted", "RunRevised", "RunPaused", "RunResumed", "RunCancelled", "RunScheduled":
		var sent struct{ Sent int }
		if err := json.Unmarshal(m.Body, &sent); err != nil {
			return err
		}
		if err := json.Unmarshal(m.Body, &o); err != nil {
			return err
		}
		o.SentSum = sent.Sent
		s.progress = append(s.progress, o)
	case "InviteDelivered", "InviteAccepted", "InviteExpired", "AccessRemoved", "FirmChanged":
	default:
		return fmt.Errorf("unknown type %q", m.Header["ce-type"])
	}
	return nil
}

// place returns the sequence of the event that the invite answers: the replay's, if a replay decided it.
func (s *scene) place(i Invite) uint64 {
	source, id := i.Source, i.EventID
	for _, run := range s.Ledger.Runs {
		if i.Replay != "" && run.ID == i.Replay {
			source, id = run.Source, run.EventID
		}
	}
	var place uint64
	for _, r := range s.requests {
		if r.Firm == i.Firm && r.Source == source && r.ID == id && (place == 0 || r.Sequence < place) {
			place = r.Sequence
		}
	}
	return place
}
