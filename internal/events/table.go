package events

import (
	"fmt"
	"slices"

	"portal-invites/internal/rules"
)

// row has all that differs by event type. Each type that upstream may publish has one (ADR 74).
type row struct {
	typ     Type
	prefix  Prefix
	newData func() Data

	// For a fact:
	changesAccess bool                        // it says who has access, so such facts are applied in the stream's order
	optional      []string                    // the fields that are left out if they can't be used: see [LeftOut]
	about         func(id string) rules.Thing // the thing that it has the full state of; nil for none
	assumed       bool                        // a call of explain may assume it (ADR 163)
	id            string                      // the field of its data that names the thing; "" for the firm

	// For a request. One that sends invites has a process. The others remove access, or replay other requests.
	recipientsField string        // the field of its data that says who the recipients are
	process         rules.Process // what its sender was doing in the portal; "" if it sends no invites of its own
	kind            rules.Kind    // the kind of the invites it sends; "" if each request says so in its data
	item            *item         // the file or task that the mail names; nil for none
	removes         bool          // it ends access
}

// The fields that say who the recipients of a request are.
const (
	byName     = "recipients"
	inBulk     = "selection"
	byOutcomes = "filter"
)

// table lists the types that upstream may publish, in the contract's order. It is the only such list: code that lists
// types or distinguishes them uses it.
var table = []row{
	{
		typ: FirmUpserted, prefix: Facts, newData: newOf[Firm], about: firmThing, assumed: true,
		optional: []string{"reply_to", "logo_url", "brand_color", "locale", "office_locale",
			"time_zone", "send_hours", "reminder_after", "on_email_change"},
	},
	{
		typ: ClientUpserted, prefix: Facts, newData: newOf[Client], about: rules.ClientThing, id: "client_id", assumed: true,
	},
	{typ: ClientRemoved, prefix: Facts, newData: newOf[RemovedClient], changesAccess: true, assumed: true},
	{
		typ: ContactUpserted, prefix: Facts, newData: newOf[Contact], about: rules.ContactThing, id: "contact_id",
		assumed:  true,
		optional: []string{"locale"},
	},
	{typ: ContactRemoved, prefix: Facts, newData: newOf[RemovedContact], changesAccess: true, assumed: true},
	{typ: ContactsMerged, prefix: Facts, newData: newOf[Merge], changesAccess: true},
	{typ: PortalAccessGranted, prefix: Facts, newData: newOf[Grant], changesAccess: true},
	{typ: EmailSuppressed, prefix: Facts, newData: newOf[Suppression], assumed: true},
	{typ: EmailUnsuppressed, prefix: Facts, newData: newOf[Suppression], assumed: true},
	{typ: MailReported, prefix: Facts, newData: newOf[MailReport]}, // see [Event.TakesTurn]
	{
		typ: MessageTemplateUpserted, prefix: Facts, newData: newOf[Template], about: rules.TemplateThing, id: "template_id",
		assumed: true,
	},
	{typ: MessageTemplateRemoved, prefix: Facts, newData: newOf[RemovedTemplate], assumed: true},
	{typ: PersonErased, prefix: Facts, newData: newOf[Erasure], changesAccess: true},
	{typ: ErasureLifted, prefix: Facts, newData: newOf[Erasure], changesAccess: true},

	named(InviteRequested, rules.ClientRecord, rules.Invite, nil),
	named(FileShared, rules.FileSharing, rules.Invite, &fileItem),
	named(EsignRequested, rules.Esign, rules.Invite, &esignItem),
	named(ClientRequestSent, rules.ClientRequest, rules.Invite, &requestItem),
	named(ClientSurveySent, rules.Survey, rules.Invite, &surveyItem),
	named(InviteResendRequested, rules.ClientRecord, rules.Resend, nil),
	{typ: AccessRemovalRequested, prefix: Requests, newData: newOf[Request], recipientsField: byName, removes: true},

	{
		typ: BulkInviteRequested, prefix: BulkRequests, newData: newOf[BulkRequest], recipientsField: inBulk,
		process: rules.Bulk,
	},
	{typ: ReplayRequested, prefix: BulkRequests, newData: newOf[ReplayRequest], recipientsField: byOutcomes},

	{typ: RunPauseRequested, prefix: BulkRequests, newData: newOf[Instruction]},
	{typ: RunResumeRequested, prefix: BulkRequests, newData: newOf[Instruction]},
	{typ: RunCancelRequested, prefix: BulkRequests, newData: newOf[Instruction]},
	{typ: RunScheduleRequested, prefix: BulkRequests, newData: newOf[Schedule]},
}

// named returns the row of a request that invites the people it names.
func named(t Type, process rules.Process, kind rules.Kind, names *item) row {
	return row{
		typ: t, prefix: Requests, newData: func() Data { return &Request{item: names} },
		recipientsField: byName, process: process, kind: kind, item: names,
	}
}

func firmThing(string) rules.Thing { return rules.FirmThing }

func newOf[T any, D interface {
	*T
	Data
}]() Data {
	return D(new(T))
}

var rowOf = indexed(table)

func indexed(rows []row) map[Type]row {
	index := make(map[Type]row, len(rows))
	for _, r := range rows {
		index[r.typ] = r
	}
	return index
}

// row returns the type's row, or an error for a type that upstream may not publish.
func (t Type) row() (row, error) {
	r, known := rowOf[t]
	if !known {
		return row{}, fmt.Errorf("unknown event type %q", t)
	}
	return r, nil
}

// is says whether a type's row has a property. It is false for a type that upstream may not publish.
func (t Type) is(property func(row) bool) bool {
	r, err := t.row()
	return err == nil && property(r)
}

func typesThat(have func(row) bool) []Type {
	var types []Type
	for _, r := range table {
		if have(r) {
			types = append(types, r.typ)
		}
	}
	return types
}

// IncomingTypes lists the types that upstream may publish, facts first, in the contract's order.
func IncomingTypes() []Type { return typesThat(func(row) bool { return true }) }

// InvitingTypes lists the requests that send invites of their own, in the contract's order.
func InvitingTypes() []Type { return typesThat(func(r row) bool { return r.process != "" }) }

// AssumableTypes lists the facts that a call of explain may assume, in the contract's order.
func AssumableTypes() []Type { return typesThat(func(r row) bool { return r.assumed }) }

// OutcomeTypes lists the types that the pipeline publishes, in the contract's order.
func OutcomeTypes() []Type {
	return slices.Clone(outcomeTypes)
}

var outcomeTypes = []Type{
	InviteSent, InviteSkipped, InviteFailed, InviteDelivered, InviteAccepted, InviteDeclined, InviteExpired,
	RemovedAccess, RunProgressed, RunCompleted, RunRevised, RunPaused, RunResumed, RunCancelled, RunScheduled,
	FirmChanged,
}

// Prefix returns the type's subject prefix, or an error for a type that upstream may not publish.
func (t Type) Prefix() (Prefix, error) {
	r, err := t.row()
	return r.prefix, err
}

// Process returns what the sender of a request was doing in the portal, or an error for a type that sends no invites of
// its own.
func (t Type) Process() (rules.Process, error) {
	r, err := t.row()
	if err == nil && r.process == "" {
		err = fmt.Errorf("%s sends no invites of its own", t)
	}
	return r.process, err
}

// Kind returns the kind of invite that a request sends, or an error for a type that does not settle it: a bulk request
// has a mode in its data.
func (t Type) Kind() (rules.Kind, error) {
	r, err := t.row()
	if err == nil && r.kind == "" {
		err = fmt.Errorf("%s does not say whether it invites or resends", t)
	}
	return r.kind, err
}

// ChangesAccess says whether a fact says who has access.
func (t Type) ChangesAccess() bool { return t.is(func(r row) bool { return r.changesAccess }) }

// Assumable says whether a call of explain may assume a fact of this type. The others say what has happened: who has
// logged in, which contacts were merged, what became of a mail.
func (t Type) Assumable() bool { return t.is(func(r row) bool { return r.assumed }) }

// Removes says whether a request ends access.
func (t Type) Removes() bool { return t.is(func(r row) bool { return r.removes }) }

// NamesPeople says whether requests of this type name their recipients.
func (t Type) NamesPeople() bool {
	return t.is(func(r row) bool { return r.recipientsField == byName })
}

// Previewed says whether a request of this type sends invites of its own, so that its mail can be previewed before the
// request is published.
func (t Type) Previewed() bool { return t.is(func(r row) bool { return r.process != "" }) }

// Explained says whether the explain service can say what would become of each recipient of the request. It can if the
// request sends invites: its own or, in a replay, those of other requests.
func (t Type) Explained() bool {
	return t.is(func(r row) bool { return r.recipientsField != "" && !r.removes })
}

// RecipientsField returns the field of a request's data that says who the recipients are: recipients, selection or
// filter. It is "" for all other types.
func (t Type) RecipientsField() string {
	r, err := t.row()
	if err != nil {
		return "" // not a request
	}
	return r.recipientsField
}
