package api

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
)

func (s *server) preview(ctx context.Context, firm string, r PreviewRequest) (PreviewAnswer, error) {
	none := PreviewAnswer{}
	find := s.previewOf
	if r.InviteID != "" {
		find = s.previewOfInvite
	}
	catalog, err := s.catalogOf(ctx, firm, r.Locale)
	if err != nil {
		return none, err
	}
	p, err := find(ctx, firm, r)
	if problem, ok := errors.AsType[answer.PreviewError](err); ok {
		return none, notFound("%s", oneLine(problem))
	}
	if err != nil {
		return none, err
	}
	e := explained(p.Explained, false, catalog)
	sender, postponed, err := s.senderOf(ctx, firm)
	if err != nil {
		return none, err
	}
	return PreviewAnswer{
		Subject: p.Subject, FromName: p.FromName, ReplyTo: p.ReplyTo, HTML: p.HTML, Text: p.Text,
		Recipient: e.Recipient, WouldSend: e.WouldSend, Reasons: e.Reasons, SentAt: utc(p.SentAt),
		Sender: sender, Postponed: postponed,
	}, nil
}

// previewOfInvite composes the mail of an invite.
func (s *server) previewOfInvite(ctx context.Context, firm string, r PreviewRequest) (answer.Preview, error) {
	if r.Type != "" || r.Data != nil || r.ClientID != "" || r.ContactID != "" || r.Email != "" {
		return answer.Preview{}, invalid("invite_id: can't be combined with type, data, client_id, contact_id or email: " +
			"the invite says who it is for")
	}
	id, err := uuid.Parse(r.InviteID)
	if err != nil {
		return answer.Preview{}, invalid("invite_id: must be a UUID, as outcomes carry it")
	}
	return s.Answers.PreviewInvite(ctx, firm, id)
}

// previewOf composes the mail of a request that is not published.
func (s *server) previewOf(ctx context.Context, firm string, r PreviewRequest) (answer.Preview, error) {
	none := answer.Preview{}
	switch {
	case r.Type == "":
		return none, invalid("type: missing, or invite_id (example: %s)", events.InviteRequested)
	case !r.Type.Previewed():
		return none, invalid("type: must be a request that sends invites, like %s", events.InviteRequested)
	case r.ContactID != "" && r.Email != "":
		return none, invalid("email: can't be combined with contact_id: one of them says who it is for")
	}
	data, err := events.DecodeData(r.Type, r.Data)
	if err != nil {
		return none, invalid("%s", insideData(err))
	}
	if _, bulk := data.(*events.BulkRequest); bulk && r.ClientID == "" {
		return none, invalid("client_id: missing: a bulk request needs one of its clients for a preview")
	} else if !bulk && r.ClientID != "" {
		return none, invalid("client_id: goes with %s only; the others name their client in data", events.BulkInviteRequested)
	}
	return s.Answers.Preview(ctx, answer.Unpublished(firm, r.Type, data, r.Data, s.Answers.Ledger.Now()),
		answer.Recipient{ClientID: r.ClientID, ContactID: r.ContactID, Email: r.Email})
}

// insideData lists the problems of an event's data, each with the field's path in the request.
func insideData(err error) string {
	problems := strings.Split(err.Error(), "\n")
	for i, problem := range problems {
		if !strings.HasPrefix(problem, "data: ") {
			problems[i] = "data." + problem
		}
	}
	return strings.Join(problems, "; ")
}
