package api

import (
	"context"
	"maps"
	"slices"
	"time"

	"portal-invites/internal/store"
)

// SendersRequest asks which senders there are, and how they are. The firm of the call is [EveryFirm].
type SendersRequest struct{}

// SendersAnswer has the default sender first, and the others in the order of their names.
type SendersAnswer struct {
	Senders  []SenderNow `json:"senders"`
	FirmRate int         `json:"firm_rate,omitempty"` // mails that one firm may send in an hour; left out: no limit
}

// SenderSettings are those of a sender that this worker is configured for. Nothing of them is secret.
type SenderSettings struct {
	Host       string
	Port       int
	DKIMRecord string  // the name of the DNS record; "" if the server signs, or nobody
	Rate       float64 // mails a second by a lane; 0: no limit
	DomainRate float64 // mails a second to one recipient domain; 0: no limit
}

// SenderNow is a sender with what operators look at: who has it, what waits, and what became of its mails.
type SenderNow struct {
	Sender      string    `json:"sender"`         // "" is the default sender
	Configured  bool      `json:"configured"`     // the workers know it; the mails of another one wait
	From        string    `json:"from,omitempty"` // its address; this and the next five only if it is configured
	Host        string    `json:"host,omitempty"` // its mail server
	Port        int       `json:"port,omitempty"`
	DKIMRecord  string    `json:"dkim_record,omitempty"`  // the name of the DNS record, if the workers sign
	Rate        float64   `json:"rate,omitempty"`         // mails a second by a lane; left out: no limit
	DomainRate  float64   `json:"domain_rate,omitempty"`  // mails a second to one recipient domain; left out: no limit
	Firms       int       `json:"firms"`                  // that name it, or have it by default
	PausedFirms int       `json:"paused_firms,omitempty"` // of Firms
	Queued      int       `json:"queued"`                 // wait for their turn, or for their next attempt
	Sending     int       `json:"sending"`
	Retrying    int       `json:"retrying"` // of Queued: the server did not accept their last attempt
	Held        int       `json:"held"`     // of Queued: they wait for a ruling
	OldestAt    time.Time `json:"oldest_at,omitzero"`
	LastAttempt *Attempt  `json:"last_attempt,omitempty"` // the newest attempt of those that are retried
	Mails       int       `json:"mails"`                  // of the last 24 hours: what left, and what was refused
	Bounces     int       `json:"bounces"`                // of the last 24 hours: their mailboxes do not exist
	Complaints  int       `json:"complaints"`             // of the last 24 hours: their readers complained
}

func (s *server) sendersNow(ctx context.Context, firm string, _ SendersRequest) (SendersAnswer, error) {
	answer := SendersAnswer{Senders: []SenderNow{}, FirmRate: s.Answers.Ledger.Policy.Limits.MailsHour}
	if firm != EveryFirm {
		return answer, invalid("firm: operators ask about all senders: call %s", Subject(EveryFirm, SendersEndpoint))
	}
	var found []store.SenderNow
	err := s.Reads.Read(ctx, func(tx *store.Tx) (err error) {
		found, err = tx.SendersNow(ctx)
		return err
	})
	if err != nil {
		return answer, err
	}
	byName := map[string]store.SenderNow{}
	for name := range s.Answers.Ledger.Senders {
		byName[name] = store.SenderNow{Sender: name}
	}
	for _, one := range found {
		byName[one.Sender] = one
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		answer.Senders = append(answer.Senders, s.senderNow(byName[name]))
	}
	return answer, nil
}

func (s *server) senderNow(one store.SenderNow) SenderNow {
	from, known := s.Answers.Ledger.Senders[one.Sender]
	set := s.Senders[one.Sender]
	now := SenderNow{
		Sender: one.Sender, Configured: known, From: from, Host: set.Host, Port: set.Port, DKIMRecord: set.DKIMRecord,
		Rate: set.Rate, DomainRate: set.DomainRate, Firms: one.Firms, PausedFirms: one.PausedFirms, Queued: one.Queued,
		Sending: one.Sending, Retrying: one.Retrying, Held: one.Held,
		OldestAt: utc(one.Oldest), Mails: one.Mails, Bounces: one.Bounces, Complaints: one.Complaints,
	}
	if !one.Last.FinishedAt.IsZero() {
		now.LastAttempt = &attemptLog([]store.AttemptTimes{one.Last})[0]
	}
	return now
}
