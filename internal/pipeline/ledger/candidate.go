package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// Candidate is a recipient that is about to be decided, with the request that names them and the stored invite. An
// invite that was never decided has no state yet.
type Candidate struct {
	Request store.Request
	Ask     rules.Ask
	Invite  store.Invite
	Replay  uuid.NullUUID // the replay that decides the invite again
	Asked   bool          // a ReplayRequested asks for that; otherwise the request was delivered again

	// Of a reminder that is about to leave.
	expiring bool     // the link that it replaces is about to expire
	together []string // the other clients whose portals its mail names
}

// AsksOf returns the questions about candidates, in their order.
func AsksOf(candidates []Candidate) []rules.Ask {
	asks := make([]rules.Ask, len(candidates))
	for i, c := range candidates {
		asks[i] = c.Ask
	}
	return asks
}

// RequestOf is an event as the ledger stores it.
func RequestOf(e events.Event) store.Request {
	return store.Request{
		ID:     RequestID(e.Firm, e.Source, e.ID),
		FirmID: e.Firm, Source: e.Source, EventID: e.ID, Type: string(e.Type), Data: e.Raw, Time: e.Time,
		TraceParent: e.Trace.Parent, TraceState: e.Trace.State,
		At: store.Position(e.At), TimedIDs: true,
	}
}

// Recipients returns one candidate for each recipient that a request names, in the request's order. request is the
// stored one, whose time may differ from the event's.
func Recipients(request store.Request, e events.Event) ([]Candidate, error) {
	data, ok := e.Data.(*events.Request)
	if !ok {
		return nil, fmt.Errorf("%s names no recipients", e.Type)
	}
	process, err := e.Type.Process()
	if err != nil {
		return nil, err
	}
	kind, err := e.Type.Kind()
	if err != nil {
		return nil, err
	}
	candidates := make([]Candidate, len(data.Recipients))
	times := map[string]int{}
	for i, r := range data.Recipients {
		recipient := r.Asked()
		times[recipient.Key()]++
		id := InviteID(request, data.ClientID, recipient, times[recipient.Key()])
		candidates[i] = Candidate{
			Request: request,
			Ask: rules.Ask{
				FirmID: e.Firm, ClientID: data.ClientID, Recipient: recipient, Process: process, Kind: kind,
				TemplateID: data.Message.Template(), InviteID: id.String(), DespiteDecline: data.DespiteDecline,
				To: remindersTo(request), Reminds: remindedBy(request),
			},
			Invite: store.Invite{
				ID: id, RequestID: request.ID, FirmID: e.Firm, ClientID: data.ClientID,
				ContactID: r.ContactID, AddedEmail: recipient.Email.Written, AddedName: recipient.Name,
				Kind: kind, Lane: store.IndividualLane,
			},
		}
	}
	return candidates, nil
}

// reminderPrefix begins the ids of the pipeline's own requests for reminders.
const reminderPrefix = "reminder/"

// ReminderID is the id of the request for a reminder of an invite. number is that of the reminder, from 1. An invite
// whose mail came back may be sent again, as a later revision. Then its reminders are others.
func ReminderID(original store.Invite, number int) string {
	id := fmt.Sprintf("%s%s/%d", reminderPrefix, original.ID, number)
	if original.Revision > 1 {
		id += fmt.Sprintf("/%d", original.Revision)
	}
	return id
}

// remindedBy is the invite that a reminder belongs to (ADR 138); "" of any other request.
func remindedBy(r store.Request) string {
	id, isReminder := strings.CutPrefix(r.EventID, reminderPrefix)
	if r.Source != events.OutcomeSource || !isReminder {
		return ""
	}
	original, _, _ := strings.Cut(id, "/")
	return original
}

// remindersTo is whom a reminder is for: nobody who has logged in meanwhile.
func remindersTo(r store.Request) rules.Audience {
	if remindedBy(r) == "" {
		return ""
	}
	return rules.ToInvited
}

// SelectionOf is the selection of a bulk request as the store takes it. run is the run of the request: what it has
// queued does not change whom it selects (ADR 170).
func SelectionOf(bulk events.BulkRequest, firm string, run uuid.UUID) store.Selection {
	s := bulk.Selection
	if s.Statuses == nil {
		return store.Selection{All: s.AllClients, Kind: s.Kind, ClientIDs: s.ClientIDs}
	}
	filter := PeopleFilterOf(*s.Statuses, firm)
	filter.Run = uuid.NullUUID{UUID: run, Valid: true}
	return store.Selection{People: &filter}
}

// PeopleFilterOf is a filter of people as the store takes it.
func PeopleFilterOf(p events.PeopleFilter, firm string) store.PeopleFilter {
	f := store.PeopleFilter{
		FirmID: firm, ClientID: p.ClientID, State: p.State, Reason: p.Reason, Mail: p.Mail, NoPortal: p.NoPortal,
		Kind: p.Kind, Primary: p.Primary, Text: strings.TrimSpace(p.Text), Email: address.Parse(p.Email).Normal,
	}
	if p.LoginAfter != nil {
		f.LoginAfter = *p.LoginAfter
	}
	if p.LoginBefore != nil {
		f.LoginBefore = *p.LoginBefore
	}
	return f
}

// Selected returns the candidates that a bulk request has selected, in their order.
func Selected(request store.Request, bulk events.BulkRequest, page []store.Candidate) []Candidate {
	run := RunID(request.ID)
	candidates := make([]Candidate, len(page))
	for i, p := range page {
		candidates[i] = selected(request, run, bulk, p)
	}
	return candidates
}

// selected makes the candidate for one contact of a client, or for the client itself if it has no contacts.
func selected(request store.Request, run uuid.UUID, bulk events.BulkRequest, p store.Candidate) Candidate {
	recipient := rules.Recipient{ContactID: p.ContactID}
	id := InviteID(request, p.ClientID, recipient, 1)
	return Candidate{
		Request: request,
		Ask: rules.Ask{
			FirmID: request.FirmID, ClientID: p.ClientID, Recipient: recipient, Process: rules.Bulk, Kind: rules.Kind(bulk.Mode),
			To: bulk.Audience(), TemplateID: bulk.Message.Template(), InviteID: id.String(),
		},
		Invite: store.Invite{
			ID: id, RequestID: request.ID, FirmID: request.FirmID, ClientID: p.ClientID, ContactID: p.ContactID,
			Kind: rules.Kind(bulk.Mode), Lane: store.BulkLane, RunID: uuid.NullUUID{UUID: run, Valid: true},
		},
	}
}

// CandidatesOf makes candidates of stored invites, to decide them again. Each keeps the rules of its own request.
func CandidatesOf(ctx context.Context, tx *store.Tx, invites []store.Invite) ([]Candidate, error) {
	ids := make([]uuid.UUID, len(invites))
	for i, invite := range invites {
		ids[i] = invite.RequestID
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	requests, err := tx.LoadRequests(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	wishes, processes := map[uuid.UUID]events.Wish{}, map[uuid.UUID]rules.Process{}
	audiences := map[uuid.UUID]rules.Audience{}
	for id, request := range requests {
		if processes[id], err = events.Type(request.Type).Process(); err != nil {
			return nil, fmt.Errorf("read request %s: %w", id, err)
		}
		if wishes[id], err = events.WishOf(request.Data); err != nil {
			return nil, fmt.Errorf("read request %s: %w", id, err)
		}
		if audiences[id], err = events.AudienceOf(events.Type(request.Type), request.Data); err != nil {
			return nil, fmt.Errorf("read request %s: %w", id, err)
		}
	}
	candidates := make([]Candidate, len(invites))
	for i, invite := range invites {
		request, wish := requests[invite.RequestID], wishes[invite.RequestID]
		candidates[i] = Candidate{
			Request: request,
			Ask: rules.Ask{
				FirmID: invite.FirmID, ClientID: invite.ClientID, Process: processes[invite.RequestID], Kind: invite.Kind,
				Recipient: rules.Recipient{
					ContactID: invite.ContactID, Email: address.Parse(invite.AddedEmail), Name: invite.AddedName,
				},
				To: cmp.Or(audiences[invite.RequestID], remindersTo(request)), Reminds: remindedBy(request),
				TemplateID: wish.Message.Template(), InviteID: invite.ID.String(), DespiteDecline: wish.DespiteDecline,
				Again: true, Erased: invite.Erased,
			},
			Invite: invite,
		}
	}
	return candidates, nil
}

// WithStored adds the stored invite to each candidate. A candidate that was never decided stays as it is.
func WithStored(ctx context.Context, tx *store.Tx, candidates []Candidate) ([]Candidate, error) {
	ids := make([]uuid.UUID, len(candidates))
	for i, c := range candidates {
		ids[i] = c.Invite.ID
	}
	onRecord, err := tx.LoadInvites(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i, id := range ids {
		if invite, isDecided := onRecord[id]; isDecided {
			candidates[i].Invite = invite
		}
	}
	return candidates, nil
}
