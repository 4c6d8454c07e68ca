package row

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/bench/internal/firm"
	"portal-invites/bench/internal/measure"
	"portal-invites/bench/internal/rig"
	"portal-invites/internal/events"
)

// otherClients is how many clients the other firm has: one for each of its invites.
const otherClients = 40

// floodWithin is more than the other firm should ever wait. Without a deadline, the client gives up after some seconds.
const floodWithin = 10 * time.Minute

// flood measures how long another firm's single invite takes behind what one firm sends at once. The time begins when
// the invite is published, and ends with its InviteSent. The broker stores one message after the other, so a part of
// the time is the broker's: stored is when it has acknowledged the invite, and behind is the rest.
func (b *Bench) flood(ctx context.Context) error {
	template, err := b.firmDatabase(ctx, "two", firm.Two(otherClients))
	if err != nil {
		return err
	}
	var contenders []contender
	for _, f := range []struct {
		name string
		n    int
		of   flooding
	}{
		{"nothing", 0, nil},
		{"sends", b.Flood, plain(firm.InviteAdded)},
		{"skips of 100", b.Flood / 10, plain(firm.InviteUnknown)},
		{"unreadable", b.Flood / 4, plain(firm.Unreadable)},
		{"facts", b.Flood, plain(newContact)},
		{"many facts", b.Flood * 5, plain(newContact)},
		{"logins", b.Flood, plain(firm.LoggedIn)},
		{"many reports", b.Flood * 5, firm.Delivered},
	} {
		contenders = append(contenders, contender{f.name, func(ctx context.Context) (measure.Sample, error) {
			return b.behind(ctx, template, f.n, f.of)
		}})
	}
	for _, c := range contenders[1:] {
		b.besideNothing("another firm behind", c.by, "behind-ns", "another firm's invite once it is stored, behind "+c.by)
	}
	return b.alternate(ctx, "another firm behind", contenders...)
}

// flooding makes an event of a flood. mails are the Message-IDs of mails of the other firm to its first clients.
type flooding func(i int, mails []string) *nats.Msg

func plain(of func(i int) *nats.Msg) flooding {
	return func(i int, _ []string) *nats.Msg { return of(i) }
}

// besideNothing adds the ratio of a delay during a flood to the same delay without one.
func (b *Bench) besideNothing(row, flood, unit, says string) {
	b.Ratios = append(b.Ratios, measure.Ratio{
		Row: row, Of: flood, Against: "nothing", Unit: unit, Wants: measure.AtMost, Says: says + ", against nothing else",
	})
}

func newContact(i int) *nats.Msg {
	id := fmt.Sprintf("N-%07d", i)
	return firm.Contact(id, "New Contact", id+"@mail.example")
}

// behind measures the other firm's invite behind n events. The broker syncs every two minutes, which is its default. If
// it synced each message of the flood before it stores the invite, the row would measure the disk.
func (b *Bench) behind(
	ctx context.Context, template string, n int, event flooding,
) (measure.Sample, error) {
	ctx, cancel := context.WithTimeout(ctx, floodWithin)
	defer cancel()
	s, err := b.startTrial(ctx, rig.InviteWorker, b.Rig.Relaxed, template)
	if err != nil {
		return measure.Sample{}, err
	}
	defer s.db.Close()
	defer s.Kill() // what is left of the flood does not matter
	sent, err := s.broker.Conn.SubscribeSync("portal.outcomes." + firm.Other + "." + string(events.InviteSent))
	if err != nil {
		return measure.Sample{}, fmt.Errorf("subscribe: %w", err)
	}
	defer func() { _ = sent.Unsubscribe() }()
	var mails []string
	for i := range 3 { // to warm up
		mail, _, _, err := s.inviteOther(ctx, sent, i)
		if err != nil {
			return measure.Sample{}, err
		}
		mails = append(mails, mail)
	}
	msgs := make([]*nats.Msg, n)
	for i := range msgs {
		msgs[i] = event(i, mails)
	}
	for _, msg := range msgs { // the flood does not wait for acknowledgements
		if err := s.broker.Conn.PublishMsg(msg); err != nil {
			return measure.Sample{}, fmt.Errorf("publish: %w", err)
		}
	}
	if err := s.broker.Conn.FlushWithContext(ctx); err != nil {
		return measure.Sample{}, fmt.Errorf("publish: %w", err)
	}
	_, stored, took, err := s.inviteOther(ctx, sent, otherClients-1)
	return measure.Sample{Ops: 1, Took: took, More: map[string]float64{
		"stored-ns": float64(stored), "behind-ns": float64(took - stored),
	}}, err
}

// inviteOther invites a client of the other firm. It returns its mail's Message-ID, and how long it took until the
// invite was stored, and until its mail was sent.
func (s *trial) inviteOther(
	ctx context.Context, sent *nats.Subscription, i int,
) (mail string, stored, took time.Duration, err error) {
	began := time.Now()
	if err := publish(ctx, s.broker, firm.OtherInvite(i)); err != nil {
		return "", 0, 0, err
	}
	stored = time.Since(began)
	msg, err := sent.NextMsgWithContext(ctx)
	if err != nil {
		return "", 0, 0, fmt.Errorf("wait for the other firm's invite: %w: %s", err, s.Tail())
	}
	took = time.Since(began)
	var outcome struct {
		MessageID string `json:"message_id"`
	}
	if err := json.Unmarshal(msg.Data, &outcome); err != nil {
		return "", 0, 0, fmt.Errorf("read the other firm's outcome: %w", err)
	}
	return outcome.MessageID, stored, took, nil
}
