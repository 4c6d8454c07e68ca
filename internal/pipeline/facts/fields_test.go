package facts

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"portal-invites/internal/events"
	"portal-invites/internal/mail"
	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
)

// reach is how far a field of a fact gets. Each place takes it from the place before.
type reach int

const (
	notProjected reach = iota
	notStored
	notLoaded
	notRead
	read
)

// nextPlace says what to edit if a field gets no further.
var nextPlace = map[reach]string{
	notProjected: "project() in internal/pipeline/facts/project.go passes it to the store " +
		"(usually in a new field of internal/rules/facts.go)",
	notStored: "a migration in internal/store/migrations gives it a column, and internal/store/facts_write.go writes it " +
		"(or internal/store/access.go, if it is about access)",
	notLoaded: "internal/store/read_book.go loads it into the rules.Book",
	notRead:   "a rule in internal/rules/table.go, or NewDraft in internal/pipeline/ledger/draft.go, uses it",
}

// readElsewhere lists the fields that do not get to a rule or a mail, and why that is right.
var readElsewhere = map[string]struct {
	as     reach
	reason string
}{
	"FirmUpserted.sender":                  {notRead, "an invite gets it in ledger.Tx.DecideNamed"},
	"FirmUpserted.office_locale":           {notLoaded, "the services read it from the table"},
	"FirmUpserted.send_hours":              {notLoaded, "a claim reads from the table whether they are over"},
	"FirmUpserted.recipient_mails_a_day":   {notRead, "it counts what was sent: TestAFirmsOwnLimits"},
	"FirmUpserted.recipient_mails_an_hour": {notRead, "it counts what was sent: TestAFirmsOwnLimits"},
	"FirmUpserted.contact_invites_a_day":   {notRead, "it counts what was sent: TestAFirmsOwnLimits"},
	"FirmUpserted.added_people_a_day":      {notRead, "it counts what was sent: TestAFirmsOwnLimits"},
	"FirmUpserted.mails_an_hour":           {notRead, "it counts what was sent: TestAFirmsOwnLimits"},
	"FirmUpserted.reminder_after":          {notLoaded, "store.RemindersDue reads it from the table"},
	"FirmUpserted.on_email_change":         {notLoaded, "store.EndedByNewEmail reads it from the table"},
	"ClientUpserted.kind":                  {notRead, "store.Candidates reads it, for a selection of one kind"},
	"PortalAccessGranted.granted_at":       {notRead, "the status of a person shows it as the last login"},
	"MessageTemplateUpserted.name":         {notLoaded, "the office's name of a template; the row has it for operators"},
}

// Every field of every fact gets from the event to the rules or the mails: if its value changes, so does a mail or a
// decision. A fact is applied as the workers apply it, to a database of its own, and then again with one field changed.
func TestEveryFieldOfAFactIsRead(t *testing.T) {
	t.Parallel()
	s := newFactScene(t)
	stale := maps.Clone(readElsewhere)
	for _, typ := range events.IncomingTypes() {
		if prefix, err := typ.Prefix(); err != nil || prefix != events.Facts {
			continue
		}
		if typ == events.MailReported {
			continue // no rule reads it: the tests of ledger.ReportMails say what follows from each field
		}
		if typ == events.PersonErased || typ == events.ErasureLifted {
			continue // what they say outlives what the rules know: erased_test.go has it
		}
		for _, variant := range s.variants(typ) {
			for _, field := range variant.fields() {
				name := string(typ) + "." + field
				want := read
				if elsewhere, listed := readElsewhere[name]; listed {
					want = elsewhere.as
					delete(stale, name)
				}
				got := s.reachOf(typ, variant, field)
				switch {
				case got < want:
					t.Errorf("%s is lost. Next: %s. (If nothing needs to read it, say so in readElsewhere.)", name, nextPlace[got])
				case got > want:
					t.Errorf("%s is read now: remove it from readElsewhere", name)
				}
			}
		}
	}
	for name := range stale {
		t.Errorf("readElsewhere lists %s, which no fact has", name)
	}
}

// body is the data of a fact. Each field has one of two values: the fields in changed have the second.
type body struct {
	data    reflect.Type
	without string // a field that can't be combined with the others
	changed map[string]bool
}

// variants returns bodies that together fill all fields of a fact. If two fields exclude each other, there is a body
// for each.
func (s *factScene) variants(typ events.Type) []body {
	data, err := events.DecodeData(typ, []byte(`{}`))
	if err == nil {
		s.t.Fatalf("%s accepts an empty object", typ)
	}
	of := body{data: reflect.TypeOf(data).Elem()}
	if typ == events.PortalAccessGranted { // it has a contact or an email
		return []body{{data: of.data, without: "email"}, {data: of.data, without: "contact_id"}}
	}
	return []body{of}
}

// fields returns the JSON paths of all values.
func (b body) fields() []string {
	var found []string
	b.walk(reflect.New(b.data).Elem(), "", func(path string, _ reflect.Value) { found = append(found, path) })
	return found
}

func (b body) json(t *testing.T) []byte {
	t.Helper()
	data := reflect.New(b.data)
	b.walk(data.Elem(), "", func(path string, at reflect.Value) { fill(t, path, at, b.changed[path]) })
	raw, err := json.Marshal(data.Interface())
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// walk visits every value. A list has one element.
func (b body) walk(at reflect.Value, path string, visit func(path string, at reflect.Value)) {
	switch {
	case at.Kind() == reflect.Pointer:
		at.Set(reflect.New(at.Type().Elem()))
		b.walk(at.Elem(), path, visit)
	case at.Kind() == reflect.Slice:
		at.Set(reflect.MakeSlice(at.Type(), 1, 1))
		b.walk(at.Index(0), path+"[0]", visit)
	case at.Kind() == reflect.Struct && at.Type() != reflect.TypeFor[time.Time]():
		for i, field := range slices.Collect(at.Type().Fields()) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name != "" && name != b.without {
				b.walk(at.Field(i), strings.TrimPrefix(path+"."+name, "."), visit)
			}
		}
	default:
		visit(path, at)
	}
}

// valid has two values for each field that accepts only some values, by the last part of its path.
var valid = map[string][2]string{
	"portal_url":      {"https://portal-1.example", "https://portal-2.example"},
	"logo_url":        {"https://logo-1.example/x.png", "https://logo-2.example/x.png"},
	"reply_to":        {"reply-1@firm.example", "reply-2@firm.example"},
	"email":           {"email-1@mail.example", "email-2@mail.example"},
	"brand_color":     {"#100000", "#200000"},
	"locale":          {"fr", "de"},
	"licenses[0]":     {"esign", "document_management"},
	"reminder_after":  {"72h", "96h"},
	"on_email_change": {events.EndInvite, events.InviteAgain},
	"time_zone":       {"America/Los_Angeles", "Asia/Tokyo"},
	"office_locale":   {"es", "fr"},
	"send_hours":      {"08:00-20:00", "09:00-17:00"},
	"sender":          {"north", "south-2"},
	"kind":            {string(rules.Individual), string(rules.Business)},
	"cause":           {"bounce", "complaint"},
	"from[0]":         {"contact_id-1", "contact_id-2"},
}

func fill(t *testing.T, path string, at reflect.Value, changed bool) {
	t.Helper()
	last, turn := path[strings.LastIndexByte(path, '.')+1:], 0
	if changed {
		turn = 1
	}
	values, special := valid[last]
	if !special {
		values = [2]string{last + "-1", last + "-2"}
	}
	moment := reflect.TypeFor[time.Time]()
	switch {
	case at.Kind() == reflect.String:
		at.SetString(values[turn])
	case at.Kind() == reflect.Bool:
		at.SetBool(!changed)
	case at.CanInt():
		at.SetInt(int64(turn + 1))
	case at.Type() == moment:
		at.Set(reflect.ValueOf(time.Date(2026, 3, 2, 9, turn, 0, 0, time.UTC)))
	default:
		t.Fatalf("%s is a %s, which fill does not support yet", path, at.Type())
	}
}

const theFirm = "acme"

// factScene applies facts in a database of its own.
type factScene struct {
	t      *testing.T
	ledger *ledger.Ledger
	db     *pgxpool.Pool
}

func newFactScene(t *testing.T) *factScene {
	t.Helper()
	url := testenv.Database(t)
	opened, err := store.Open(t.Context(), url, 2)
	s := &factScene{t: t}
	s.must(err)
	t.Cleanup(opened.Close)
	s.db, err = pgxpool.New(t.Context(), url)
	s.must(err)
	t.Cleanup(s.db.Close)
	now := time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)
	s.ledger = &ledger.Ledger{
		Store: opened, Now: func() time.Time { return now }, Policy: rules.Policy{InviteTTL: rules.DefaultInviteTTL},
		OnOutcomes: func() {}, Begin: func() func() { return func() {} },
	}
	return s
}

func (s *factScene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// mailed has a mail's words and its reply address.
type mailed struct {
	mail.Invitation
	replyTo string
}

// seen has what each place got from a fact.
type seen struct {
	facts     store.Facts
	rows      []string
	book      *rules.Book
	decisions []rules.Decision
	mails     []mailed
}

// reachOf returns the last place where a changed field makes a difference.
func (s *factScene) reachOf(typ events.Type, b body, field string) reach {
	one := s.apply(typ, b)
	b.changed = map[string]bool{field: true}
	other := s.apply(typ, b)
	switch {
	case !typ.ChangesAccess() && reflect.DeepEqual(one.facts, other.facts): // facts about access have other ways
		return notProjected
	case reflect.DeepEqual(one.rows, other.rows):
		return notStored
	case reflect.DeepEqual(one.book, other.book):
		return notLoaded
	case reflect.DeepEqual(one.decisions, other.decisions) && reflect.DeepEqual(one.mails, other.mails):
		return notRead
	}
	return read
}

// apply applies the fact to a small firm that has everything that a fact may name.
func (s *factScene) apply(typ events.Type, b body) seen {
	s.t.Helper()
	_, err := s.db.Exec(s.t.Context(),
		`TRUNCATE firms, clients, contacts, suppressions, templates, access, logins, removals, merged_contacts`)
	s.must(err)
	for i, fact := range []struct {
		typ  events.Type
		data string
	}{
		{events.FirmUpserted, `{"name": "Firm", "portal_url": "https://portal.example"}`},
		{events.ContactUpserted, `{"contact_id": "contact_id-1", "name": "One", "email": "email-1@mail.example"}`},
		{events.ContactUpserted, `{"contact_id": "contact_id-2", "name": "Two", "email": "two@mail.example"}`},
		{events.ClientUpserted, `{"client_id": "client_id-1", "kind": "business", "name": "C1",
			"contacts": [{"contact_id": "contact_id-1", "primary": true}]}`},
		{events.ClientUpserted, `{"client_id": "client_id-2", "kind": "business", "name": "C2",
			"contacts": [{"contact_id": "contact_id-2", "primary": true}]}`},
		{events.EmailSuppressed, `{"email": "email-1@mail.example", "cause": "bounce"}`},
		{events.MessageTemplateUpserted, `{"template_id": "template_id-1", "name": "T", "body": "T"}`},
	} {
		s.take(fact.typ, []byte(fact.data), uint64(i)+1)
	}
	has := seen{facts: s.take(typ, b.json(s.t), 100)}
	has.rows = s.rows()
	asks := everyQuestion()
	s.must(s.ledger.Store.Tx(s.t.Context(), func(tx *store.Tx) (err error) {
		has.book, err = tx.LoadBook(s.t.Context(), asks)
		return err
	}))
	for _, ask := range asks {
		decision := has.book.Decide(ask, s.ledger.Now(), s.ledger.Policy)
		has.decisions = append(has.decisions, decision)
		if slices.ContainsFunc(decision.Reasons, func(r rules.Reason) bool { return r.Code.Unwritable() }) {
			continue
		}
		ask.Person = decision.Person
		request := store.Request{ID: uuid.Max, Type: string(events.InviteRequested), Data: []byte(`{"requested_by": "Lee"}`)}
		draft, err := ledger.NewDraft(has.book, ledger.Candidate{Request: request, Ask: ask})
		s.must(err)
		has.mails = append(has.mails, mailed{draft.Invitation, draft.ReplyTo})
	}
	return has
}

// everyQuestion asks about every person that a fact may name, with every process.
func everyQuestion() (asks []rules.Ask) {
	recipients := []events.Recipient{
		{ContactID: "contact_id-1"}, {ContactID: "contact_id-2"},
		{Email: "email-1@mail.example", Name: "E1"}, {Email: "email-2@mail.example", Name: "E2"},
	}
	for _, client := range []string{"client_id-1", "client_id-2"} {
		for _, recipient := range recipients {
			for _, process := range rules.Processes() {
				for _, kind := range []rules.Kind{rules.Invite, rules.Resend} {
					asks = append(asks, rules.Ask{
						FirmID: theFirm, ClientID: client, Recipient: recipient.Asked(), Process: process, Kind: kind,
						TemplateID: "template_id-1",
					})
				}
			}
		}
	}
	return asks
}

// rows returns the rows of all tables that facts are written to.
func (s *factScene) rows() []string {
	s.t.Helper()
	var all []string
	for _, table := range []string{"firms", "clients", "contacts", "suppressions", "templates", "access", "logins",
		"removals", "merged_contacts"} {
		rows, err := s.db.Query(s.t.Context(), fmt.Sprintf(
			"SELECT '%[1]s ' || to_jsonb(t)::text FROM %[1]s t ORDER BY 1", table))
		s.must(err)
		of, err := pgx.CollectRows(rows, pgx.RowTo[string])
		s.must(err)
		all = append(all, of...)
	}
	return all
}

// take applies a fact as a worker does, and returns its projection.
func (s *factScene) take(typ events.Type, raw []byte, sequence uint64) store.Facts {
	s.t.Helper()
	data, err := events.DecodeData(typ, raw)
	if err != nil {
		s.t.Fatalf("%s: %v in %s; if a field accepts only some values, add two of them to the map valid", typ, err, raw)
	}
	event := events.Event{
		Firm: theFirm, Type: typ, Source: "test", ID: "1", Time: s.ledger.Now(), Data: data, Raw: raw,
		At: events.Position{Stream: time.Unix(1, 0).UTC(), Sequence: sequence},
	}
	var facts store.Facts
	s.must(Project(&facts, event))
	err = s.ledger.Commit(s.t.Context(), func(tx *ledger.Tx) error {
		if _, err := tx.ApplyFacts(s.t.Context(), &facts); err != nil {
			return err
		}
		if !typ.ChangesAccess() {
			return nil
		}
		return applyAccess(s.t.Context(), tx, []events.Event{event})
	})
	if err != nil {
		s.t.Fatalf("%s: %v; a column that does not exist wants a migration in internal/store/migrations", typ, err)
	}
	return facts
}
