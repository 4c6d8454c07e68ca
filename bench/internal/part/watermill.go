package part

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	wm "github.com/ThreeDotsLabs/watermill"
	wmnats "github.com/ThreeDotsLabs/watermill-nats/v2/pkg/nats"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"

	"portal-invites/bench/internal/firm"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// watermill is a router with two handlers. One writes a fact into a table. The other writes a request into another
// table and publishes an outcome. Each message takes one statement, as usual for such handlers.
type watermill struct{}

// watermillSubscribers is how many subscribers handle messages in parallel, each with its own connection. More of them
// were not faster on two cores.
const watermillSubscribers = 8

// Run is called by kong.
func (watermill) Run(ctx context.Context, out io.Writer) error {
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL")+"&pool_max_conns="+strconv.Itoa(watermillSubscribers))
	if err != nil {
		return fmt.Errorf("open the pool: %w", err)
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, `
		CREATE TABLE peer_contacts (firm_id text, contact_id text, name text NOT NULL, email text NOT NULL,
			PRIMARY KEY (firm_id, contact_id));
		CREATE TABLE peer_requests (source text, event_id text, data jsonb NOT NULL, reason text NOT NULL,
			decided_at timestamptz NOT NULL, PRIMARY KEY (source, event_id))`); err != nil {
		return fmt.Errorf("make the tables: %w", err)
	}
	router, err := message.NewRouter(message.RouterConfig{}, wm.NopLogger{})
	if err != nil {
		return fmt.Errorf("make the router: %w", err)
	}
	if err := addHandlers(router, handlers{pool}, os.Getenv("NATS_URL")); err != nil {
		return err
	}
	go func() {
		select {
		case <-router.Running():
			ready(out)
		case <-ctx.Done():
		}
	}()
	return router.Run(ctx)
}

func addHandlers(router *message.Router, h handlers, url string) error {
	config := wmnats.PublisherConfig{URL: url, Marshaler: &wmnats.NATSMarshaler{}}
	publisher, err := wmnats.NewPublisher(config, wm.NopLogger{})
	if err != nil {
		return fmt.Errorf("make the publisher: %w", err)
	}
	facts, err := newSubscriber(url, FactsPeer)
	if err != nil {
		return err
	}
	requests, err := newSubscriber(url, RequestsPeer)
	if err != nil {
		return err
	}
	router.AddConsumerHandler("facts", events.Facts.All(), facts, h.fact)
	skipped := strings.Join([]string{
		"portal", string(events.Outcomes), firm.ID, string(events.InviteSkipped), string(rules.EmailMissing),
	}, ".")
	router.AddHandler("requests", events.Requests.All(), requests, skipped, publisher, h.request)
	return nil
}

// The durables of the Watermill peer.
const (
	FactsPeer    = "peer-facts"
	RequestsPeer = "peer-requests"
)

// newSubscriber uses the package that its authors recommend for production. Their newer package for JetStream is a
// beta.
func newSubscriber(url, durable string) (*wmnats.Subscriber, error) {
	s, err := wmnats.NewSubscriber(wmnats.SubscriberConfig{
		URL: url, QueueGroupPrefix: durable, SubscribersCount: watermillSubscribers, CloseTimeout: 5 * time.Second,
		Unmarshaler: &wmnats.NATSMarshaler{},
		JetStream: wmnats.JetStreamConfig{
			DurablePrefix: durable, AckAsync: true,
			SubscribeOptions: []nats.SubOpt{nats.BindStream(events.EventsStream), nats.DeliverAll(), nats.AckExplicit()},
		},
	}, wm.NopLogger{})
	if err != nil {
		return nil, fmt.Errorf("make the subscriber: %w", err)
	}
	return s, nil
}

type handlers struct{ pool *pgxpool.Pool }

// decode reads the event like the pipeline, as the contract requires.
func decode(msg *message.Message, t events.Type) (events.Event, error) {
	subject, err := events.Subject(firm.ID, t)
	if err != nil {
		return events.Event{}, err
	}
	header := nats.Header{}
	for name, value := range msg.Metadata {
		header.Set(name, value)
	}
	return events.Decode(subject, header, msg.Payload)
}

func (h handlers) fact(msg *message.Message) error {
	event, err := decode(msg, events.ContactUpserted)
	if err != nil {
		return err
	}
	contact, ok := event.Data.(*events.Contact)
	if !ok {
		return fmt.Errorf("no handler for %s", event.Type)
	}
	_, err = h.pool.Exec(msg.Context(), `
		INSERT INTO peer_contacts VALUES ($1, $2, $3, $4)
		ON CONFLICT (firm_id, contact_id) DO UPDATE SET name = excluded.name, email = excluded.email`,
		event.Firm, contact.ContactID, contact.Name, contact.Email)
	return err
}

func (h handlers) request(msg *message.Message) ([]*message.Message, error) {
	event, err := decode(msg, events.FileShared)
	if err != nil {
		return nil, err
	}
	// One statement checks the rule and records the request.
	var reason string
	if err := h.pool.QueryRow(msg.Context(), `
		INSERT INTO peer_requests SELECT $1, $2, $3, CASE WHEN k.email = '' THEN $6 ELSE '' END, now()
		FROM contacts k WHERE k.firm_id = $4 AND k.contact_id = $5 RETURNING reason`,
		event.Source, event.ID, event.Raw, event.Firm, contactOf(event), rules.EmailMissing).Scan(&reason); err != nil {
		return nil, err
	}
	body := fmt.Appendf(nil, `{"firm_id":%q,"reason":%q,"cause":{"source":%q,"id":%q}}`,
		event.Firm, reason, event.Source, event.ID)
	return []*message.Message{message.NewMessage(event.ID, body)}, nil
}

func contactOf(event events.Event) string {
	if request, ok := event.Data.(*events.Request); ok {
		return request.Recipients[0].ContactID
	}
	return ""
}
