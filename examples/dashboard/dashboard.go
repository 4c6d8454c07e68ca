// Package dashboard keeps the numbers of a firm's people up to date. It needs a connection to the broker that may call
// the firm's services, and nothing else.
package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// Dashboard knows the state of every person of a firm. One goroutine uses it.
type Dashboard struct {
	nc      *nats.Conn
	firm    string
	clients map[string]view // by client_id
	from    place           // where to read on
	after   string          // where the last answer of the service outcomes ended
	loaded  time.Time
}

// place is a place in the stream of outcomes. An answer with it includes all outcomes up to there.
type place struct {
	Stream   string    `json:"stream"`
	Created  time.Time `json:"created"`
	Sequence uint64    `json:"sequence"`
}

// view is what was answered about the people on one client.
type view struct {
	at     place
	states map[string]int
}

// New makes a dashboard. Call Load next.
func New(nc *nats.Conn, firm string) *Dashboard { return &Dashboard{nc: nc, firm: firm} }

// Counts are how many people have each state.
func (d *Dashboard) Counts() map[string]int {
	sums := map[string]int{}
	for _, v := range d.clients {
		for state, n := range v.states {
			sums[state] += n
		}
	}
	return sums
}

// Load reads everybody. Of several pages, the first has the oldest place, so it is the one to read on from.
func (d *Dashboard) Load(ctx context.Context) error {
	clients, from, err := d.statuses(ctx, "")
	if err == nil {
		d.clients, d.from, d.after, d.loaded = clients, from, "", time.Now()
	}
	return err
}

// Follow waits up to half a minute for outcomes, and reads the clients again that they are about. It says whether
// there were any. Facts publish no outcomes: everybody is read again after every few minutes, for new people.
func (d *Dashboard) Follow(ctx context.Context) (news bool, err error) {
	if time.Since(d.loaded) > 5*time.Minute {
		return true, d.Load(ctx)
	}
	request := map[string]any{"as_of": d.from, "wait": "30s", "limit": 1000}
	if d.after != "" {
		request["after"] = d.after
	}
	var answer struct {
		After    string
		Resync   bool
		Outcomes []struct {
			Sequence uint64
			Data     struct {
				ClientID string `json:"client_id"`
			}
		}
	}
	if err := d.ask(ctx, "outcomes", request, &answer); err != nil {
		return false, err
	}
	if answer.Resync { // the stream was made anew, so its places mean something else
		return true, d.Load(ctx)
	}
	for _, o := range answer.Outcomes {
		client := o.Data.ClientID
		if client == "" || d.clients[client].at.Sequence >= o.Sequence { // it is about a run, or known already
			continue
		}
		again, _, err := d.statuses(ctx, client)
		if err != nil {
			return false, err // the place stays, so the next call reads this outcome again
		}
		d.clients[client] = again[client]
	}
	d.after = answer.After
	return len(answer.Outcomes) > 0, nil
}

// statuses reads the people on a client, or all people for "".
func (d *Dashboard) statuses(ctx context.Context, client string) (clients map[string]view, from place, err error) {
	clients = map[string]view{}
	for cursor := ""; ; {
		var page struct {
			AsOf   *place `json:"as_of"`
			People []struct {
				ClientID string `json:"client_id"`
				State    string
			}
			Next string
		}
		request := map[string]any{"client_id": client, "limit": 1000, "cursor": cursor}
		if err := d.ask(ctx, "statuses", request, &page); err != nil {
			return nil, from, err
		}
		if page.AsOf == nil {
			return nil, from, errors.New("the workers do not know the stream of outcomes yet; ask again")
		}
		if cursor == "" {
			from = *page.AsOf
		}
		for _, p := range page.People {
			if _, known := clients[p.ClientID]; !known {
				clients[p.ClientID] = view{*page.AsOf, map[string]int{}}
			}
			clients[p.ClientID].states[p.State]++
		}
		if cursor = page.Next; cursor == "" {
			return clients, from, nil
		}
	}
}

// ask calls a service of the firm.
func (d *Dashboard) ask(ctx context.Context, endpoint string, request, answer any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	msg, err := d.nc.RequestWithContext(ctx, "portal.api.v1."+d.firm+"."+endpoint, body)
	if err != nil {
		return fmt.Errorf("ask for %s: %w", endpoint, err)
	}
	if problem := msg.Header.Get("Nats-Service-Error"); problem != "" {
		return fmt.Errorf("ask for %s: %s", endpoint, problem)
	}
	return json.Unmarshal(msg.Data, answer)
}
