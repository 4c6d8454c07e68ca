package events

import (
	"fmt"
	"slices"

	"portal-invites/internal/rules"
)

// row is all that is told apart by an event's type: of each type that upstream may publish there is one.
type row struct {
	typ     Type
	prefix  Prefix
	newData func() Data

	// Of a fact.
	changesAccess bool // it says who has access: applied in the stream's order

	// Of a request. One that sends invites has a process; the others remove access, or replay what other requests asked for.
	recipientsField string        // the field of its data that says for recipientsField it is
	process         rules.Process // what its sender was doing in the portal; "" where it sends nothing of its own
	kind            rules.Kind    // of the invites it sends; "" where each request says so itself
	item            *item         // what of its data the mail names; nil for none
	removes         bool          // it ends access
}

// The fields that say for recipientsField a request is.
const (
	byName     = "recipients"
	inBulk     = "selection"
	byOutcomes = "filter"
)

// table is the contract's list of the types that upstream may publish, in the contract's order, and the only one: whatever
// lists types, or tells them apart, asks here.
var table = []row{
	{typ: FirmUpserted, prefix: Facts, newData: newOf[Firm]},
	{typ: ClientUpserted, prefix: Facts, newData: newOf[Client]},
	{typ: ClientRemoved, prefix: Facts, newData: newOf[RemovedClient], changesAccess: true},
	{typ: ContactUpserted, prefix: Facts, newData: newOf[Contact]},
	{typ: ContactRemoved, prefix: Facts, newData: newOf[RemovedContact], changesAccess: true},
	{typ: PortalAccessGranted, prefix: Facts, newData: newOf[Grant], changesAccess: true},
	{typ: EmailSuppressed, prefix: Facts, newData: newOf[Suppression]},
	{typ: EmailUnsuppressed, prefix: Facts, newData: newOf[Suppression]},
	{typ: MessageTemplateUpserted, prefix: Facts, newData: newOf[Template]},

	named(InviteRequested, rules.ClientRecord, rules.Invite, nil),
	named(FileShared, rules.FileSharing, rules.Invite, &fileItem),
	named(EsignRequested, rules.Esign, rules.Invite, &esignItem),
	named(ClientRequestSent, rules.ClientRequest, rules.Invite, &requestItem),
	named(ClientSurveySent, rules.Survey, rules.Invite, &surveyItem),
	named(InviteResendRequested, rules.ClientRecord, rules.Resend, nil),
	{typ: AccessRemovalRequested, prefix: Requests, newData: newOf[Request], recipientsField: byName, removes: true},

	{typ: BulkInviteRequested, prefix: BulkRequests, newData: newOf[BulkRequest], recipientsField: inBulk, process: rules.Bulk},
	{typ: ReplayRequested, prefix: BulkRequests, newData: newOf[ReplayRequest], recipientsField: byOutcomes},
}

// named is the row of a request that invites the people it names.
func named(t Type, process rules.Process, kind rules.Kind, names *item) row {
	return row{
		typ: t, prefix: Requests, newData: func() Data { return &Request{item: names} },
		recipientsField: byName, process: process, kind: kind, item: names,
	}
}

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

// row is an error for a type that upstream may not publish.
func (t Type) row() (row, error) {
	r, known := rowOf[t]
	if !known {
		return row{}, fmt.Errorf("unknown event type %q", t)
	}
	return r, nil
}

// is asks something of a type. What is asked is true of no type that upstream may not publish.
func (t Type) is(what func(row) bool) bool {
	r, err := t.row()
	return err == nil && what(r)
}

func typesThat(are func(row) bool) []Type {
	var types []Type
	for _, r := range table {
		if are(r) {
			types = append(types, r.typ)
		}
	}
	return types
}

// IncomingTypes lists the types that upstream may publish, facts first, in the contract's order.
func IncomingTypes() []Type { return typesThat(func(row) bool { return true }) }

// InvitingTypes lists the requests that send invites of their own, in the contract's order.
func InvitingTypes() []Type { return typesThat(func(r row) bool { return r.process != "" }) }

// OutcomeTypes lists what the pipeline publishes, in the contract's order.
func OutcomeTypes() []Type {
	return slices.Clone(outcomeTypes)
}

var outcomeTypes = []Type{
	InviteSent, InviteSkipped, InviteFailed, InviteAccepted, InviteExpired, RemovedAccess, RunProgressed, RunCompleted,
}

// Prefix is the subject prefix the type belongs to, or an error for a type that upstream may not publish.
func (t Type) Prefix() (Prefix, error) {
	r, err := t.row()
	return r.prefix, err
}

// Process is what the sender of a request was doing in the portal, or an error for a type that sends no invites of its own.
func (t Type) Process() (rules.Process, error) {
	r, err := t.row()
	if err == nil && r.process == "" {
		err = fmt.Errorf("%s sends no invites of its own", t)
	}
	return r.process, err
}

// Kind is what a request sends to the people it names, or an error for a type that does not say so: a bulk request has a mode.
func (t Type) Kind() (rules.Kind, error) {
	r, err := t.row()
	if err == nil && r.kind == "" {
		err = fmt.Errorf("%s does not say whether it invites or resends", t)
	}
	return r.kind, err
}

// ChangesAccess says whether a fact says who has access.
func (t Type) ChangesAccess() bool { return t.is(func(r row) bool { return r.changesAccess }) }

// Removes says whether a request ends access.
func (t Type) Removes() bool { return t.is(func(r row) bool { return r.removes }) }

// NamesPeople says whether a request is for the recipients it names.
func (t Type) NamesPeople() bool {
	return t.is(func(r row) bool { return r.recipientsField == byName })
}

// Previewed says whether there is a mail of the request to be looked at before it is published: it sends invites of its own.
func (t Type) Previewed() bool { return t.is(func(r row) bool { return r.process != "" }) }

// Explained says whether one may ask what would become of each recipient of the request: it sends invites, its own or, as a
// replay, those of other requests.
func (t Type) Explained() bool {
	return t.is(func(r row) bool { return r.recipientsField != "" && !r.removes })
}

// RecipientsField is the field of a request's data that says for recipientsField it is (recipients, selection or filter), "" for anything but a request.
func (t Type) RecipientsField() string {
	r, err := t.row()
	if err != nil {
		return "" // no request
	}
	return r.recipientsField
}
