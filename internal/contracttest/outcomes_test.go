package contracttest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
)

var (
	at     = time.Date(2026, 1, 5, 14, 0, 1, 250_000_000, time.UTC)
	invite = uuid.MustParse("c2a7f0f4-6d1b-5a49-9b0e-7f1d2c3b4a59")
	run    = uuid.MustParse("5b3f0c1e-9a52-5c0d-8b1f-3f6f2d7a9e10")
	cause  = events.Cause{Source: "/portal/bulk", ID: "01JGV9", Type: events.BulkInviteRequested}
)

// about has every field that an outcome of an invite can have.
var about = events.About{
	FirmID: "acme", InviteID: invite, Revision: 2, Kind: rules.Invite, Lane: "bulk", ClientID: "C-1031",
	Recipient: events.OutcomePerson{ContactID: "P-2037", EmailMasked: "d•••@bluebottle.example"},
	Cause:     cause, RunID: &run, ReplayID: &run, DecidedAt: at,
}

// removedAbout is about an access that came from an invite. A removal has no run.
var removedAbout = events.About{
	FirmID: "acme", InviteID: invite, Revision: 2, Kind: rules.Invite, Lane: "bulk", ClientID: "C-1031",
	Recipient: about.Recipient, DecidedAt: at,
	Cause: events.Cause{Source: "/crm", ID: "01JGW2", Type: events.ContactRemoved},
}

// leastAbout is about the client itself, from an individual request.
var leastAbout = events.About{
	FirmID: "acme", InviteID: invite, Revision: 1, Kind: rules.Resend, Lane: "individual", ClientID: "C-1031",
	Cause: cause, DecidedAt: at,
}

// stranger is about a person without access and without an invite.
var stranger = events.About{FirmID: "acme", ClientID: "C-1031", Cause: cause, DecidedAt: at}

// produced is an outcome of the pipeline, with all fields and with only the fields that are always there.
type produced struct {
	typ   events.Type
	whole events.Outgoing
	least events.Outgoing
}

func outcomes() []produced {
	all := rules.Reason{
		Code: rules.EmailShared, Explanation: "e", Remedy: "r", RetryAt: at, InviteID: invite.String(),
		Conflict: &rules.Conflict{ContactID: "P-2040", ClientID: "C-1044"},
	}
	least := rules.Reason{Code: rules.ClientHasNoContacts, Explanation: "e", Remedy: "r"}
	warned := events.Warned{Warnings: []rules.Warning{{Code: rules.NewerRefused, About: "contact", Explanation: "e"}}}
	failed := events.Failed{
		About: about, Stage: "rcpt", SMTPCode: 550, EnhancedCode: "5.1.1", Explanation: "e", Remedy: "r", Warned: warned,
	}
	counts := events.RunCounts{
		FirmID: "acme", RunID: run, Kind: "replay", Cause: cause,
		Selected: 5, Sent: 1, Skipped: 2, Failed: 1, Pending: 1, TooOld: 3,
		ByReason: map[rules.Code]int{rules.EmailMissing: 2},
	}
	none := events.RunCounts{FirmID: "acme", RunID: run, Kind: "invite", Cause: cause, ByReason: map[rules.Code]int{}}
	counts.Cancelled, counts.NotReached = true, 4
	completed := counts
	completed.Pending, completed.Sent = 0, 2
	instructed := func(t events.Type) produced {
		whole := events.Instructed{
			RunCounts: counts, RequestedBy: "Kim", Reason: "r", InFlight: 1, StartAt: at,
			Instruction: &events.Cause{Source: "/portal/bulk", ID: "01JGVA", Type: events.RunPauseRequested},
		}
		least := events.Instructed{RunCounts: none, RequestedBy: events.OutcomeSource}
		return produced{
			t, events.InstructedOutcome(t, whole, 2, at, events.Trace{}),
			events.InstructedOutcome(t, least, 2, at, events.Trace{}),
		}
	}
	moved := events.ChangedFirm{
		FirmID: "acme", Cause: events.Cause{Source: "/crm", ID: "01JGW9", Type: events.FirmUpserted},
		OldHost: "portal.acme.example", NewHost: "clients.acme.example", ChangedAt: at,
	}
	ofInvite := func(t events.Type, about events.About, reason rules.Code, data any) events.Outgoing {
		return events.InviteOutcome(t, about, reason, data, events.Trace{})
	}
	ofAccess := func(t events.Type, about events.About, data any) events.Outgoing {
		return events.AccessOutcome(t, about, "42", data, events.Trace{})
	}
	ofRun := func(t events.Type, counts events.RunCounts) events.Outgoing {
		return events.RunOutcome(t, counts, 1, at, events.Trace{})
	}
	return []produced{
		{
			events.InviteSent,
			ofInvite(events.InviteSent, about, "",
				events.Sent{
					About: about, MessageID: "m@mail.acme.example", Attempt: 1, SentAt: at, ExpiresAt: at, DespiteDecline: true,
					Warned: warned,
				}),
			ofInvite(events.InviteSent, leastAbout, "",
				events.Sent{About: leastAbout, MessageID: "m@mail.acme.example", Attempt: 1, SentAt: at, ExpiresAt: at}),
		},
		{
			events.InviteSkipped,
			ofInvite(events.InviteSkipped, about, all.Code,
				events.Skipped{About: about, Reason: all.Code, Reasons: []rules.Reason{all}, Warned: warned}),
			ofInvite(events.InviteSkipped, leastAbout, least.Code,
				events.Skipped{About: leastAbout, Reason: least.Code, Reasons: []rules.Reason{least}}),
		},
		{
			events.InviteFailed,
			ofInvite(events.InviteFailed, about, "", failed),
			ofInvite(events.InviteFailed, leastAbout, "", events.Failed{About: leastAbout, Stage: "message"}),
		},
		{
			events.InviteDelivered,
			ofAccess(events.InviteDelivered, about,
				events.Delivered{About: about, MessageID: "m@mail.acme.example", DeliveredAt: at, Reporter: "ses"}),
			ofAccess(events.InviteDelivered, leastAbout,
				events.Delivered{About: leastAbout, MessageID: "m@mail.acme.example", DeliveredAt: at, Reporter: "ses"}),
		},
		{
			events.InviteAccepted,
			ofAccess(events.InviteAccepted, about, events.Accepted{About: about, AccessVersion: 2, AcceptedAt: at}),
			ofAccess(events.InviteAccepted, leastAbout, events.Accepted{About: leastAbout, AccessVersion: 2, AcceptedAt: at}),
		},
		{
			events.InviteDeclined,
			ofAccess(events.InviteDeclined, about, events.Declined{About: about, AccessVersion: 2, Ended: true, DeclinedAt: at}),
			ofAccess(events.InviteDeclined, leastAbout, events.Declined{About: leastAbout, OneClick: true, DeclinedAt: at}),
		},
		{
			events.InviteExpired,
			ofAccess(events.InviteExpired, about, events.Expired{About: about, AccessVersion: 2, ExpiredAt: at}),
			ofAccess(events.InviteExpired, leastAbout, events.Expired{About: leastAbout, AccessVersion: 2, ExpiredAt: at}),
		},
		{
			events.RemovedAccess,
			ofAccess(events.RemovedAccess, removedAbout, events.Removed{
				About: removedAbout, AccessVersion: 3, Was: rules.Invited, Why: rules.ByEmailChange, RemovedAt: at}),
			ofAccess(events.RemovedAccess, stranger, events.Removed{About: stranger, RemovedAt: at}),
		},
		{events.RunProgressed, ofRun(events.RunProgressed, counts), ofRun(events.RunProgressed, none)},
		{events.RunCompleted, ofRun(events.RunCompleted, completed), ofRun(events.RunCompleted, none)},
		{events.RunRevised, ofRun(events.RunRevised, counts), ofRun(events.RunRevised, none)},
		instructed(events.RunPaused), instructed(events.RunResumed), instructed(events.RunCancelled),
		instructed(events.RunScheduled),
		{
			events.FirmChanged,
			events.FirmOutcome(moved, "42", events.Trace{}), events.FirmOutcome(moved, "42", events.Trace{}),
		},
	}
}

// body returns the data of an event as it is published.
func body(t *testing.T, e events.Outgoing) string {
	t.Helper()
	msg, err := e.Message()
	if err != nil {
		t.Fatal(err)
	}
	return string(msg.Data)
}

func TestSchemasAcceptThePipelinesOutcomes(t *testing.T) {
	t.Parallel()
	for _, o := range outcomes() {
		schema := schemaOf(t, string(o.typ))
		for _, e := range []events.Outgoing{o.whole, o.least} {
			if fields := faults(t, schema, body(t, e)); fields != nil {
				t.Errorf("the schema of %s refuses %q in\n%s", o.typ, fields, body(t, e))
			}
		}
	}
}

// The schemas declare exactly the fields that outcomes have, and require the fields that are always there.
func TestSchemasDeclareTheFieldsOfOutcomes(t *testing.T) {
	t.Parallel()
	for _, o := range outcomes() {
		declared := properties(schemaOf(t, string(o.typ)))
		made := map[string]bool{}
		pathsOf(decode(t, body(t, o.whole)), "", made)
		maps.DeleteFunc(made, func(path string, _ bool) bool { return strings.HasPrefix(path, "by_reason.") })
		if have, want := slices.Sorted(maps.Keys(declared)), slices.Sorted(maps.Keys(made)); !slices.Equal(have, want) {
			t.Errorf("the schema of %s declares\n  %q\nthe pipeline makes\n  %q", o.typ, have, want)
		}
		least := map[string]bool{}
		pathsOf(decode(t, body(t, o.least)), "", least)
		for path, p := range declared {
			// These are always there if there is a conflict, a warning or an instruction.
			inner := strings.HasPrefix(path, "reasons[0].conflict.") || strings.HasPrefix(path, "warnings[0].") ||
				strings.HasPrefix(path, "instruction.")
			if !strings.HasSuffix(path, "[0]") && !inner && p.required != least[path] {
				t.Errorf("%s: %s is always there: %v, but in the schema, required is %v", o.typ, path, least[path], p.required)
			}
		}
	}
}

// pathsOf collects the paths of all values in a document.
func pathsOf(v any, path string, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, field := range v {
			into[join(path, name)] = true
			pathsOf(field, join(path, name), into)
		}
	case []any:
		for _, entry := range v {
			into[path+"[0]"] = true
			pathsOf(entry, path+"[0]", into)
		}
	}
}

// The tests above cover every type of outcome.
func TestEveryOutcomeIsMade(t *testing.T) {
	t.Parallel()
	var made []events.Type
	for _, o := range outcomes() {
		made = append(made, o.typ)
	}
	if !slices.Equal(made, events.OutcomeTypes()) {
		t.Errorf("the tests cover %q, want %q", made, events.OutcomeTypes())
	}
}

func TestSchemaHasEveryReason(t *testing.T) {
	t.Parallel()
	var fields struct {
		Defs struct {
			ReasonCode struct {
				Enum []rules.Code `json:"enum"`
			} `json:"reason_code"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(readFile(t, "../../api/schemas/fields.json")), &fields); err != nil {
		t.Fatal(err)
	}
	if have := fields.Defs.ReasonCode.Enum; !slices.Equal(have, rules.Codes()) {
		t.Errorf("api/schemas/fields.json has the reasons\n  %q\nthe rules have\n  %q", have, rules.Codes())
	}
	schema := schemaOf(t, string(events.InviteSkipped))
	for _, path := range []string{"reason", "reasons[0].code"} {
		for _, code := range rules.Codes() {
			document := with(t, example(t, events.InviteSkipped), path, `"`+string(code)+`"`)
			if fields := faults(t, schema, document); fields != nil {
				t.Errorf("%s = %s: the schema refuses %q", path, code, fields)
			}
		}
		if faults(t, schema, with(t, example(t, events.InviteSkipped), path, `"no_email"`)) == nil {
			t.Errorf("the schema accepts an unknown code in %s", path)
		}
	}
}

// An outcome names what it came from: any request may be that, and a fact that removes somebody.
func TestSchemaHasEveryCause(t *testing.T) {
	t.Parallel()
	var outcome struct {
		Defs struct {
			Cause struct {
				Properties struct {
					Type struct {
						Enum []events.Type `json:"enum"`
					} `json:"type"`
				} `json:"properties"`
			} `json:"cause"`
		} `json:"$defs"`
	}
	if err := json.Unmarshal([]byte(readFile(t, "../../api/schemas/outcome.json")), &outcome); err != nil {
		t.Fatal(err)
	}
	isFact := func(typ events.Type) bool {
		prefix, err := typ.Prefix()
		return err != nil || prefix == events.Facts
	}
	requests := slices.DeleteFunc(events.IncomingTypes(), isFact)
	want := append(requests, events.ContactRemoved, events.ClientRemoved, events.ContactUpserted, events.ClientUpserted)
	if have := outcome.Defs.Cause.Properties.Type.Enum; !slices.Equal(have, want) {
		t.Errorf("api/schemas/outcome.json has the causes\n  %q\nthe pipeline\n  %q", have, want)
	}
}

func TestSchemaHasEveryStage(t *testing.T) {
	t.Parallel()
	schema := schemaOf(t, string(events.InviteFailed))
	for _, stage := range []mail.Step{
		mail.StepMessage, mail.StepConnect, mail.StepTLS, mail.StepAuth,
		mail.StepMail, mail.StepRcpt, mail.StepData, mail.StepBody, mail.StepAfter,
	} {
		document := with(t, example(t, events.InviteFailed), "stage", `"`+string(stage)+`"`)
		if fields := faults(t, schema, document); fields != nil {
			t.Errorf("stage %s: the schema refuses %q", stage, fields)
		}
	}
}

// The schemas refuse outcomes without the properties that a dashboard relies on.
func TestWrongOutcomesAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ         events.Type
		path, value string
	}{
		{events.InviteSent, "revision", `0`},
		{events.InviteSent, "invite_id", `"42"`},
		{events.InviteSent, "cause.type", `"FirmUpserted"`},
		{events.InviteSkipped, "reasons", `[]`},
		{events.InviteFailed, "firm_id", ``},
		{events.InviteExpired, "lane", `""`},
		{events.RemovedAccess, "was", `"removed"`},
		{events.RemovedAccess, "why", `"client_archived"`},
		{events.RemovedAccess, "cause.type", `"FirmUpserted"`},
		{events.RunProgressed, "by_reason.no_email", `1`},
		{events.RunProgressed, "pending", `-1`},
		{events.RunCompleted, "pending", `1`},
		{events.RunPaused, "in_flight", `-1`},
		{events.FirmChanged, "new_host", `""`},
		{events.FirmChanged, "cause.type", `"ClientUpserted"`},
	} {
		if faults(t, schemaOf(t, string(c.typ)), with(t, example(t, c.typ), c.path, c.value)) == nil {
			t.Errorf("the schema of %s accepts %s = %s", c.typ, c.path, c.value)
		}
	}
}

// The sums of the examples are right, as those of real runs are.
func TestSumsOfTheExamples(t *testing.T) {
	t.Parallel()
	for _, typ := range []events.Type{events.RunProgressed, events.RunCompleted, events.RunRevised, events.RunPaused,
		events.RunResumed, events.RunCancelled, events.RunScheduled} {
		var c events.RunCounts
		if err := json.Unmarshal([]byte(example(t, typ)), &c); err != nil {
			t.Fatal(err)
		}
		skipped := 0
		for _, n := range c.ByReason {
			skipped += n
		}
		if c.Selected != c.Sent+c.Skipped+c.Failed+c.Pending || c.Skipped != skipped {
			t.Errorf("the sums of %s are wrong: %+v", typ, c)
		}
	}
}
