package row

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/bench/internal/firm"
	"portal-invites/bench/internal/measure"
	"portal-invites/bench/internal/rig"
	"portal-invites/internal/api"
	"portal-invites/internal/standalone"
)

// calls is how many calls of the other firm are measured.
const calls = 200

// floodOfCalls measures the services for another firm, while one firm calls them as often as it can.
func (b *Bench) floodOfCalls(ctx context.Context) error {
	template, err := b.firmDatabase(ctx, "two", firm.Two(otherClients))
	if err != nil {
		return err
	}
	for _, endpoint := range []string{api.StatusEndpoint, api.RedeemEndpoint} {
		b.besideNothing("another firm's calls", endpoint, "p99-ns", "another firm's calls, p99 beside calls of "+endpoint)
	}
	during := func(endpoint string) func(context.Context) (measure.Sample, error) {
		return func(ctx context.Context) (measure.Sample, error) { return b.callDuring(ctx, template, endpoint) }
	}
	return b.alternate(ctx, "another firm's calls",
		contender{"nothing", during("")},
		contender{"status", during(api.StatusEndpoint)},
		contender{"redeem", during(api.RedeemEndpoint)})
}

// callDuring asks for the status of the other firm's client, while the first firm floods an endpoint.
func (b *Bench) callDuring(ctx context.Context, template, endpoint string) (measure.Sample, error) {
	s, err := b.startTrial(ctx, rig.InviteWorker, b.Rig.Durable, template)
	if err != nil {
		return measure.Sample{}, err
	}
	defer s.db.Close()
	defer s.Kill()
	token, err := b.linkOf(ctx, s)
	if err != nil {
		return measure.Sample{}, err
	}
	body, err := json.Marshal(map[string]any{
		"": nil, api.StatusEndpoint: api.StatusRequest{ClientID: "M"}, api.RedeemEndpoint: api.RedeemRequest{Token: token},
	}[endpoint])
	if err != nil {
		return measure.Sample{}, err
	}
	flooding, stop := context.WithCancel(ctx)
	flooded := make(chan error, 1)
	go func() { flooded <- b.floodEndpoint(flooding, s.broker.URL, endpoint, body) }()
	sample, err := callOther(ctx, api.NewClient(s.broker.Conn))
	stop()
	return sample, errors.Join(err, <-flooded)
}

var tokenInMail = regexp.MustCompile(`/invite/([A-Za-z0-9_.~-]+)`)

// linkOf invites somebody of the first firm, and returns the token of the link.
func (b *Bench) linkOf(ctx context.Context, s *trial) (string, error) {
	if err := publish(ctx, s.broker, firm.InviteAdded(0)); err != nil {
		return "", err
	}
	if err := s.broker.AwaitOutcomes(ctx, 1); err != nil {
		return "", fmt.Errorf("%w: %s", err, s.Tail())
	}
	mail, err := b.Rig.Sink.Last(ctx)
	if err != nil {
		return "", err
	}
	parsed, err := standalone.ParseMail(mail)
	if err != nil {
		return "", err
	}
	found := tokenInMail.FindStringSubmatch(parsed.Text)
	if found == nil {
		return "", errors.New("the mail has no link")
	}
	return found[1], nil
}

// floodEndpoint calls an endpoint for the first firm, b.Flood calls at a time, until the context ends. It has a
// connection of its own.
func (b *Bench) floodEndpoint(ctx context.Context, url, endpoint string, body []byte) error {
	if endpoint == "" {
		return nil
	}
	conn, err := nats.Connect(url)
	if err != nil {
		return fmt.Errorf("connect to the broker: %w", err)
	}
	defer conn.Close()
	answers := make(chan *nats.Msg, b.Flood)
	inbox := conn.NewInbox()
	if _, err := conn.ChanSubscribe(inbox, answers); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	for {
		for range b.Flood {
			if err := conn.PublishRequest(api.Subject(firm.ID, endpoint), inbox, body); err != nil {
				return fmt.Errorf("call %s: %w", endpoint, err)
			}
		}
		for range b.Flood {
			select {
			case <-answers:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// callOther calls for the other firm, one call after the other.
func callOther(ctx context.Context, client api.Client) (measure.Sample, error) {
	w := newStopwatch(calls)
	for i := range calls {
		id := fmt.Sprint(i)
		w.start(id, time.Now())
		if _, err := client.Status(ctx, firm.Other, api.StatusRequest{ClientID: firm.OtherClient(0)}); err != nil {
			return measure.Sample{}, fmt.Errorf("the other firm's call: %w", err)
		}
		w.stop(id)
	}
	return w.sample(), nil
}
