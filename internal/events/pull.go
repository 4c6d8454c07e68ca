package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// puller asks a durable for messages over the connection itself (NATS ADR-13, "Pull Consumers").
//
// It takes the place of the client library's Fetch, which tells the server's own words from messages by a header: a publisher who
// sets a `Status` header on an empty message would have that message taken for a control message. Nobody would see or acknowledge it,
// and the ack floor would stand still for every firm. Here a message is what has a reply subject for its acknowledgement. Only the
// server can set that, and its own words have none.
type puller struct {
	nc      *nats.Conn
	subject string // where the next messages are asked for
	durable string
}

func newPuller(js jetstream.JetStream, durable string) *puller {
	prefix := strings.TrimSuffix(apiPrefix(js), ".")
	return &puller{
		nc: js.Conn(), subject: prefix + ".CONSUMER.MSG.NEXT." + EventsStream + "." + durable, durable: durable,
	}
}

// apiPrefix is where JetStream is asked: of a domain or an account of its own it is another subject than $JS.API.
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
	Batch     int           `json:"batch"`
	MaxBytes  int           `json:"max_bytes,omitempty"` // of the batch, as the server counts: subject, reply, header and body
	NoWait    bool          `json:"no_wait,omitempty"`   // answer with what stands ready
	Expires   time.Duration `json:"expires,omitempty"`
	Heartbeat time.Duration `json:"idle_heartbeat,omitempty"`
}

// The server's words that end a pull.
const (
	statusHeartbeat = "100"
	statusNoMore    = "404" // of no_wait
	statusExpired   = "408"
	statusConflict  = "409" // too large, or the durable or the server is going away; the description says which
	tooLarge        = "Message Size Exceeds MaxBytes"
)

// ownWords is how many of the server's own words may stand in the channel beside the messages of a batch.
const ownWords = 16

var errTooLarge = errors.New("the next message is larger than a batch may be")

// do asks once, and returns what came: at most p.Batch messages. Where ctx ends, what has come by then comes with its error: nothing
// that the server has handed out is left unread.
func (p *puller) do(ctx context.Context, ask pull) (msgs []*nats.Msg, err error) {
	inbox := p.nc.NewInbox()
	// A channel and not NextMsg, which takes a message with a Status header of 503 for an error.
	came := make(chan *nats.Msg, ask.Batch+ownWords)
	sub, err := p.nc.ChanSubscribe(inbox, came)
	if err != nil {
		return nil, fmt.Errorf("fetch from %s: %w", p.durable, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	request, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	if err := p.nc.PublishRequest(p.subject, inbox, request); err != nil {
		return nil, fmt.Errorf("fetch from %s: %w", p.durable, err)
	}
	for len(msgs) < ask.Batch {
		msg, err := p.next(ctx, came, ask)
		if err != nil {
			return append(msgs, p.drain(sub, came)...), err
		}
		if isMessage(msg) {
			msgs = append(msgs, msg)
			continue
		}
		over, err := ends(msg)
		if err != nil {
			return msgs, fmt.Errorf("fetch from %s: %w", p.durable, err)
		}
		if over {
			break
		}
	}
	return msgs, nil
}

// isMessage tells a message of the stream from the server's own word: it has a reply subject for its acknowledgement.
func isMessage(msg *nats.Msg) bool { return strings.Contains(msg.Reply, "$JS.ACK.") }

// silence is how long the server may say nothing at all. It answers no_wait at once, and sends heartbeats otherwise.
const silence = 10 * time.Second

func (p *puller) next(ctx context.Context, came <-chan *nats.Msg, ask pull) (*nats.Msg, error) {
	quiet := time.NewTimer(max(silence, 2*ask.Heartbeat))
	defer quiet.Stop()
	select {
	case msg := <-came:
		return msg, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-quiet.C:
		return nil, fmt.Errorf("fetch from %s: %w", p.durable, jetstream.ErrNoHeartbeat)
	}
}

// ends reads the server's own word: whether the pull is over, and whether by an error.
func ends(msg *nats.Msg) (over bool, err error) {
	status, description := msg.Header.Get("Status"), msg.Header.Get("Description")
	switch {
	case status == statusHeartbeat:
		return false, nil
	case status == statusNoMore, status == statusExpired, status == statusConflict && description == "Batch Completed":
		return true, nil
	case status == statusConflict && description == tooLarge:
		return true, errTooLarge
	case status == statusConflict && strings.Contains(description, "Consumer Deleted"):
		return true, jetstream.ErrConsumerDeleted
	case status == "503":
		return true, nats.ErrNoResponders
	default:
		return true, fmt.Errorf("the broker ended it: %s %s: %w", status, description, nats.ErrTimeout)
	}
}

// drain withdraws what is left of a pull, and returns what the server had handed out by then.
func (p *puller) drain(sub *nats.Subscription, came <-chan *nats.Msg) (msgs []*nats.Msg) {
	if err := sub.Drain(); err != nil { // the server sends no more
		return nil
	}
	if err := p.nc.FlushTimeout(time.Second); err != nil { // and has heard so: what it sent is in the channel
		return nil
	}
	for {
		select {
		case msg := <-came:
			if isMessage(msg) {
				msgs = append(msgs, msg)
			}
		default:
			return msgs
		}
	}
}
