package row

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go"

	"portal-invites/bench/internal/firm"
	"portal-invites/bench/internal/measure"
	"portal-invites/bench/internal/rig"
	"portal-invites/internal/events"
)

// The contenders of the row about senders.
const (
	oneSender  = "the other sender idle"
	senderDown = "the other sender down"
)

// twoSenders measures a firm's individual invites while the mail server of another firm's sender is down, with many
// mails behind it, and while nothing waits for that sender.
func (b *Bench) twoSenders(ctx context.Context) error {
	template, err := b.firmDatabase(ctx, "senders", firm.Two(b.Backlog))
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "portal-invites-senders-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	// Nothing listens on port 1.
	const file = firm.Down + ": {from: portal@down.example, host: 127.0.0.1, port: 1, tls: none, signed_by: server}\n"
	b.Rig.Senders = filepath.Join(folder, "senders.yaml")
	defer func() { b.Rig.Senders = "" }()
	if err := os.WriteFile(b.Rig.Senders, []byte(file), 0o600); err != nil {
		return fmt.Errorf("write the file of senders: %w", err)
	}
	b.Ratios = append(b.Ratios, measure.Ratio{
		Row: "two senders", Of: senderDown, Against: oneSender, Unit: "p99-ns", Wants: measure.AtMost, Limit: 1.2,
		Says: fmt.Sprintf("individual p99 while another sender is down with %d mails, against its own", b.Backlog),
	})
	return b.alternate(ctx, "two senders",
		contender{oneSender, func(ctx context.Context) (measure.Sample, error) { return b.besideSender(ctx, template, 0) }},
		contender{senderDown, func(ctx context.Context) (measure.Sample, error) {
			return b.besideSender(ctx, template, b.Backlog)
		}})
}

// besideSender measures a firm's invites while so many mails wait for another firm's sender.
func (b *Bench) besideSender(ctx context.Context, template string, waiting int) (measure.Sample, error) {
	s, err := b.startTrial(ctx, rig.InviteWorker, b.Rig.Durable, template)
	if err != nil {
		return measure.Sample{}, err
	}
	if err := publish(ctx, s.broker, firm.OtherByDown()); err != nil {
		return measure.Sample{}, err
	}
	if _, err := publishAll(ctx, s.broker, func(yield func(*nats.Msg) bool) {
		for i := range waiting {
			if !yield(firm.OtherInvite(i)) {
				return
			}
		}
	}); err != nil {
		return measure.Sample{}, err
	}
	if err := s.broker.AwaitDurable(ctx, events.InviteDurable); err != nil {
		return measure.Sample{}, err
	}
	sample, err := b.ask(ctx, s.broker, b.Singles, firm.InviteAddedAs)
	if err != nil {
		return sample, fmt.Errorf("%w: %s", err, s.Tail())
	}
	left, err := s.db.Count(ctx, `SELECT count(*) FROM invites WHERE sender = '`+firm.Down+`' AND state <> 'sent'`)
	if err != nil {
		return sample, err
	}
	if err := expect("mails that wait for the sender that is down", left, waiting); err != nil {
		return sample, err
	}
	_, err = s.finish(ctx)
	return sample, err
}
