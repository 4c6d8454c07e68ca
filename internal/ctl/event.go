package ctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
)

// eventCmd says what became of one event: from its publication to the login.
type eventCmd struct {
	service
	Source   string        `arg:"" help:"The event's source (ce-source)."`
	ID       string        `arg:"" name:"id" help:"The event's id (ce-id)."`
	Sequence uint64        `placeholder:"N" help:"Where the stream has it, as the acknowledgement of the publication says. A fact needs it."`
	Wait     time.Duration `placeholder:"5s" help:"Wait that long until everybody has an outcome. If something goes on after that, the exit code is 3."`
	Locale   string        `placeholder:"TAG" help:"The language of explanations and remedies, for example es; English if not given."`
	Output   string        `short:"o" enum:"text,json" default:"text" help:"text, or json with one object."`
}

// Validate is called by kong once the flags are read.
func (c *eventCmd) Validate() error {
	if c.Wait < 0 {
		return errors.New("--wait: must not be below zero")
	}
	return checkFirm(c.Firm)
}

// Run asks, and prints the answer.
func (c *eventCmd) Run(ctx context.Context, s app.Streams) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	request := api.ReceiptRequest{Source: c.Source, ID: c.ID, Sequence: c.Sequence, Locale: c.Locale}
	receipt, err := AwaitReceipt(ctx, conn.Client, conn.firm, request, c.Wait)
	if err != nil {
		return conn.explainError(ctx, err)
	}
	if receipt.State == api.EventUnknown {
		if err := conn.firmUnknown(ctx); err != nil {
			return err
		}
	}
	if c.Output == outputJSON {
		return cmp.Or(printJSON(s.Out, receipt), c.end(receipt))
	}
	PrintReceipt(s.Out, c.Firm, receipt)
	story, err := conn.story(ctx, receipt)
	if err != nil {
		return conn.explainError(ctx, err)
	}
	story.write(s.Out)
	return c.end(receipt)
}

// end is an error only if the command was asked to wait: otherwise it has only looked.
func (c *eventCmd) end(receipt api.ReceiptAnswer) error {
	switch {
	case receipt.State == api.EventUnknown:
		return app.ErrReported
	case c.Wait > 0:
		return ReceiptError(receipt)
	}
	return nil
}

// story is what happened, in the order of time.
type story []happened

type happened struct {
	at        time.Time
	who, what string
}

func (s *story) tell(at time.Time, who, what string) {
	if !at.IsZero() {
		*s = append(*s, happened{at, who, what})
	}
}

// story tells what happened from the event to the logins.
func (conn connection) story(ctx context.Context, receipt api.ReceiptAnswer) (story, error) {
	var s story
	s.tell(receipt.Time, "", "published: "+string(receipt.Type))
	if receipt.Letter != nil {
		s.tell(receipt.Letter.At, "", "set aside as a dead letter")
	}
	for _, r := range receipt.Recipients {
		if r.InviteID == uuid.Nil {
			continue
		}
		answer, err := conn.Status(ctx, conn.firm, api.StatusRequest{InviteID: r.InviteID.String(), Attempts: true})
		if err != nil {
			return nil, err
		}
		for _, status := range answer.Statuses {
			s.tellOf(cmp.Or(personCalled(r.Recipient), r.ClientID), status)
		}
	}
	slices.SortStableFunc(s, func(a, b happened) int { return a.at.Compare(b.at) })
	return s, nil
}

// tellOf tells what happened to one recipient.
func (s *story) tellOf(who string, status api.Status) {
	last := status.LastInvite
	if last == nil {
		return
	}
	if last.Attempts == 0 || last.State == "skipped" {
		s.tell(last.DecidedAt, who, "decided: "+outcomeOf(*last))
	}
	for _, a := range last.AttemptLog {
		what := fmt.Sprintf("attempt %d: %s", a.Number, cmp.Or(a.Verdict, "under way"))
		if reply := replyCode(a.SMTPCode, a.EnhancedCode); reply != "" {
			what += " (" + reply + ")"
		}
		s.tell(a.StartedAt, who, strings.TrimSuffix(what+": "+a.Said, ": "))
	}
	s.tell(last.SentAt, who, "sent")
	s.tell(last.DelayedAt, who, "delayed, as a report says")
	s.tell(last.DeliveredAt, who, "delivered, as a report says")
	s.tell(last.ComplainedAt, who, "complained about, as a report says")
	if last.State == "failed" {
		s.tell(last.DecidedAt, who, "failed")
	}
	if access := status.Access; access != nil {
		s.tell(access.LastLogin, who, "logged in")
		s.tell(access.RemovedAt, who, "access removed")
	}
}

func (s story) write(w io.Writer) {
	if len(s) == 0 {
		return
	}
	fmt.Fprintln(w)
	list := table{head: []string{"AT (UTC)", "WHO", "WHAT"}}
	for _, m := range s {
		list.add(m.at.UTC().Format("01-02 15:04:05"), m.who, m.what)
	}
	list.write(w)
}
