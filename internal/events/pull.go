package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// puller asks a durable for messages over the connection itself (NATS ADR-13, "Pull Consumers").
//
// It replaces the client library's Fetch, which recognises the server's control messages by a header. There, a
// publisher who sets a `Status` header on an empty message makes it look like a control message. Nobody sees or
// acknowledges it, and the ack floor stands still for every firm. A puller recognises a message by its reply subject,
// which is where it is acknowledged. Only the server sets that subject, and control messages do not have it.
type puller struct {
	nc      *nats.Conn
	subject string // of requests for the next messages
	durable string
}

func newPuller(js jetstream.JetStream, durable string) *puller {
	prefix := strings.TrimSuffix(apiPrefix(js), ".")
	return &puller{
		nc: js.Conn(), subject: prefix + ".CONSUMER.MSG.NEXT." + EventsStream + "." + durable, durable: durable,
	}
}

// apiPrefix is the prefix of JetStream's API subjects. It is not $JS.API for a domain, or for another account's
// streams.
func apiPrefix(js jetstream.JetStream) string {
	switch options := js.Options(); {
	case options.APIPrefix != "":
		return options.APIPrefix
	case options.Domain != "":
		return "$JS." + options.Domain + ".API"
	default:
		return jetstream.DefaultAPIPrefix
	}
}

// pull is one request for messages, with the names of the protocol. Durations are in nanoseconds.
type pull struct {
	Batch    int           `json:"batch"`
	MaxBytes int           `json:"max_bytes,omitempty"` // of the batch: subjects, replies, headers and bodies
	NoWait   bool          `json:"no_wait,omitempty"`   // return only the messages that are ready
	Expires  time.Duration `json:"expires,omitempty"`
}

// The statuses of the server's control messages.
const (
	statusNoMore   = "404" // of no_wait
	statusExpired  = "408"
	statusConflict = "409" // too large, or the durable or the server is going away; the description says which
	tooLarge       = "Message Size Exceeds MaxBytes"
)

// controlRoom is how many control messages fit into the channel beside the messages of a batch.
const controlRoom = 16

// errPullEnded says that the server ended a pull early, for example because it shuts down.
var errPullEnded = errors.New("the broker ended the fetch")

var errTooLarge = errors.New("the next message is larger than a batch may be")

// do asks once, and returns at most ask.Batch messages. If ctx ends meanwhile, do returns the error together with every
// message that has arrived by then. A message that the server sends at that very moment may be missing; the broker
// redelivers it after the durable's AckWait.
func (p *puller) do(ctx context.Context, ask pull) ([]*nats.Msg, error) {
	sub, came, err := p.request(ask)
	if err != nil {
		return nil, p.failed(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	return p.collect(ctx, ask, sub, came)
}

// request asks the server for messages, which arrive at came.
func (p *puller) request(ask pull) (sub *nats.Subscription, came chan *nats.Msg, err error) {
	request, err := json.Marshal(ask)
	if err != nil {
		return nil, nil, err
	}
	// NextMsg can't be used: it returns an error instead of a message whose Status header is 503.
	came = make(chan *nats.Msg, ask.Batch+controlRoom)
	inbox := p.nc.NewInbox()
	if sub, err = p.nc.ChanSubscribe(inbox, came); err != nil {
		return nil, nil, err
	}
	return sub, came, p.nc.PublishRequest(p.subject, inbox, request)
}

// collect reads what arrives, until the pull is over.
func (p *puller) collect(
	ctx context.Context, ask pull, sub *nats.Subscription, came <-chan *nats.Msg,
) (msgs []*nats.Msg, err error) {
	wait := ask.Expires + silence
	for len(msgs) < ask.Batch {
		msg, err := p.next(ctx, came, wait)
		if err != nil {
			return append(msgs, p.drain(sub, came)...), err
		}
		if p.isMessage(msg) {
			msgs = append(msgs, msg)
			continue
		}
		if msg.Reply != "" {
			continue // the server sends neither: somebody else has published to this inbox
		}
		return append(msgs, p.behind(ctx, came, sent(msg, ask)-len(msgs))...), p.failed(whyEnded(msg))
	}
	return msgs, nil
}

// failed says from which durable a fetch failed; nil stays nil.
func (p *puller) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("fetch from %s: %w", p.durable, err)
}

// behind returns the messages that come behind the word that ends their pull. In a cluster, the server sends each
// message when most replicas know that it is delivered. But it sends "Batch Completed" at once. If the durable gets
// another leader meanwhile, they don't come; the new leader redelivers them after the durable's AckWait.
func (p *puller) behind(ctx context.Context, came <-chan *nats.Msg, n int) (msgs []*nats.Msg) {
	for len(msgs) < n {
		msg, err := p.next(ctx, came, soon)
		if err != nil {
			break
		}
		if p.isMessage(msg) {
			msgs = append(msgs, msg)
		}
	}
	return msgs
}

// sent returns how many messages the server sends for a pull, by the word that ends it. It is 0 if that says nothing
// about the number; then all of them came before.
func sent(end *nats.Msg, ask pull) int {
	left, err := strconv.Atoi(end.Header.Get("Nats-Pending-Messages"))
	if err != nil {
		return 0
	}
	return ask.Batch - left
}

// isMessage says whether this is a message of the puller's stream and durable, and not a control message: it can be
// acknowledged. A worker publishes an ack with its own rights, so it acknowledges to no other subject.
func (p *puller) isMessage(msg *nats.Msg) bool {
	tokens := strings.Split(msg.Reply, ".")
	if len(tokens) < ackTokens || tokens[0] != "$JS" || tokens[1] != "ACK" {
		return false
	}
	of := tokens[2:4]
	if len(tokens) > ackTokens { // the domain and the account come first
		of = tokens[4:6]
	}
	return of[0] == EventsStream && of[1] == p.durable
}

// ackTokens is the length of $JS.ACK.<stream>.<durable>, which five numbers follow (NATS ADR-15). A longer subject has
// two more tokens behind ACK.
const ackTokens = 9

// soon is how long a puller waits for each message that the server says it has sent.
const soon = 2 * time.Second

// silence is how much longer than a pull lasts a puller waits for the server's word that it is over. The server answers
// no_wait at once. A word may get lost on a connection that goes on.
const silence = 5 * time.Second

func (p *puller) next(ctx context.Context, came <-chan *nats.Msg, wait time.Duration) (*nats.Msg, error) {
	quiet := time.NewTimer(wait)
	defer quiet.Stop()
	select {
	case msg := <-came:
		return msg, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-quiet.C:
		return nil, p.failed(jetstream.ErrNoHeartbeat)
	}
}

// whyEnded reads a control message, which ends a pull. It returns an error if the pull did not end as it was asked.
func whyEnded(msg *nats.Msg) error {
	status, description := msg.Header.Get("Status"), msg.Header.Get("Description")
	switch {
	case status == statusNoMore, status == statusExpired, status == statusConflict && description == "Batch Completed":
		return nil
	case status == statusConflict && description == tooLarge:
		return errTooLarge
	case status == statusConflict && strings.Contains(description, "Consumer Deleted"):
		return jetstream.ErrConsumerDeleted
	case status == "503":
		return nats.ErrNoResponders
	default:
		return fmt.Errorf("%w: %s (%s)", errPullEnded, description, status)
	}
}

// drain ends a pull early, and returns the messages that have arrived by then.
func (p *puller) drain(sub *nats.Subscription, came <-chan *nats.Msg) (msgs []*nats.Msg) {
	if err := sub.Drain(); err != nil { // the server sends no more
		return nil
	}
	if err := p.nc.FlushTimeout(time.Second); err != nil { // what it sent before is in the channel now
		return nil
	}
	for {
		select {
		case msg := <-came:
			if p.isMessage(msg) {
				msgs = append(msgs, msg)
			}
		default:
			return msgs
		}
	}
}
