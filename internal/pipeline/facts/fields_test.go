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

// reach is how far a field of a fact gets: each place has it from the one before.
type reach int

const (
	notProjected reach = iota
	notStored
	notLoaded
	notRead
	read
)

// nextPlace is what to edit for a field that gets no further.
var nextPlace = map[reach]string{
	notProjected: "project() in internal/pipeline/facts/project.go hands it on to the store (a new field of internal/rules/facts.go, as a rule)",
	notStored:    "a migration in internal/store/migrations gives it a column, and internal/store/facts_write.go writes it (internal/store/access.go, what is about access)",
	notLoaded:    "internal/store/read_book.go loads it into the rules.Book",
	notRead:      "a rule in internal/rules/table.go, or NewDraft in internal/pipeline/ledger/draft.go, makes something of it",
}

// readElsewhere are the fields that get less far than to a rule or a mail, and why that is enough.
var readElsewhere = map[string]struct {
	as     reach
	reason string
}{
	"FirmUpserted.reminder_after":    {notLoaded, "store.RemindersDue asks the table for it"},
	"ClientUpserted.kind":            {notRead, "store.Candidates asks the table for it, for a selection of one kind"},
	"PortalAccessGranted.granted_at": {notRead, "the status of a person shows it as the last login"},
	"EmailUnsuppressed.cause":        {notLoaded, "an address that gets mail again needs no cause; the row keeps it for people"},
	"MessageTemplateUpserted.name":   {notLoaded, "what the firm's staff call a template; the row keeps it for people"},
}

// Every field of every fact gets from the event to whoever reads it: another value of it makes another mail, or another decision.
// A fact is applied as the workers apply it, into a database of its own, and once more with the one field changed.
func TestEveryFieldOfAFactIsRead(t *testing.T) {
	t.Parallel()
	s := newFactScene(t)
	stale := maps.Clone(readElsewhere)
	for _, typ := range events.IncomingTypes() {
		if prefix, err := typ.Prefix(); err != nil || prefix != events.Facts {
			continue
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
					t.Errorf("%s is lost. Next: %s. (If nobody is to read it, say so in readElsewhere.)", name, nextPlace[got])
				case got > want:
					t.Errorf("%s is read by now: take it out of readElsewhere", name)
				}
			}
		}
	}
	for name := range stale {
		t.Errorf("readElsewhere lists %s, which no fact has", name)
	}
}

// body is the data of a fact, and which of the two values each of its fields has: those in changed have the second.
type body struct {
	data    reflect.Type
	without string // a field that may not stand beside the others
	changed map[string]bool
}

// variants are the ways in which all fields of a fact can be filled: where one field takes the place of another one, each has a turn.
func (s *factScene) variants(typ events.Type) []body {
	data, err := events.DecodeData(typ, []byte(`{}`))
	if err == nil {
		s.t.Fatalf("%s takes anything", typ)
	}
	of := body{data: reflect.TypeOf(data).Elem()}
	if typ == events.PortalAccessGranted { // it names a contact or an email
		return []body{{data: of.data, without: "email"}, {data: of.data, without: "contact_id"}}
	}
	return []body{of}
}

// fields are the JSON paths of all that holds a value.
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

// walk visits every value, of a list those of its one element.
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

// valid are two values for the fields that do not take just any, by the last step of their path.
var valid = map[string][2]string{
	"portal_url":     {"https://portal-1.example", "https://portal-2.example"},
	"logo_url":       {"https://logo-1.example/x.png", "https://logo-2.example/x.png"},
	"reply_to":       {"reply-1@firm.example", "reply-2@firm.example"},
	"email":          {"email-1@mail.example", "email-2@mail.example"},
	"brand_color":    {"#100000", "#200000"},
	"locale":         {"fr", "de"},
	"licenses[0]":    {"esign", "document_management"},
	"reminder_after": {"72h", "96h"},
	"kind":           {string(rules.Individual), string(rules.Business)},
	"cause":          {"bounce", "complaint"},
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
		t.Fatalf("%s is a %s, which fill does not know yet", path, at.Type())
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

// mailed is what a mail says, and where a reply goes.
type mailed struct {
	mail.Invitation
	replyTo string
}

// seen is what each place has of a fact.
type seen struct {
	facts     store.Facts
	rows      []string
	book      *rules.Book
	decisions []rules.Decision
	mails     []mailed
}

// reachOf says how far it can be told that the field has its second value.
func (s *factScene) reachOf(typ events.Type, b body, field string) reach {
	one := s.apply(typ, b)
	b.changed = map[string]bool{field: true}
	other := s.apply(typ, b)
	switch {
	case !typ.ChangesAccess() && reflect.DeepEqual(one.facts, other.facts): // the others are not projected alone
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

// apply applies the fact in a small firm, of which everything is known that a fact may name.
func (s *factScene) apply(typ events.Type, b body) seen {
	s.t.Helper()
	_, err := s.db.Exec(s.t.Context(), `TRUNCATE firms, clients, contacts, suppressions, templates, access, logins, removals`)
	s.must(err)
	for i, fact := range []struct {
		typ  events.Type
		data string
	}{
		{events.FirmUpserted, `{"name": "Firm", "portal_url": "https://portal.example"}`},
		{events.ContactUpserted, `{"contact_id": "contact_id-1", "name": "One", "email": "email-1@mail.example"}`},
		{events.ContactUpserted, `{"contact_id": "contact_id-2", "name": "Two", "email": "two@mail.example"}`},
		{events.ClientUpserted, `{"client_id": "client_id-1", "kind": "business", "name": "C1", "contacts": [{"contact_id": "contact_id-1", "primary": true}]}`},
		{events.ClientUpserted, `{"client_id": "client_id-2", "kind": "business", "name": "C2", "contacts": [{"contact_id": "contact_id-2", "primary": true}]}`},
		{events.EmailSuppressed, `{"email": "email-1@mail.example", "cause": "manual"}`},
		{events.EmailSuppressed, `{"email": "email-2@mail.example", "cause": "manual"}`},
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
		request := store.Request{ID: uuid.Max, Type: string(events.InviteRequested), Data: []byte(`{"requested_by": "Lee"}`)}
		draft, err := ledger.NewDraft(has.book, ledger.Candidate{Request: request, Ask: ask})
		s.must(err)
		has.mails = append(has.mails, mailed{draft.Invitation, draft.ReplyTo})
	}
	return has
}

// everyQuestion asks about everybody whom a fact may name, with every process.
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
						FirmID: theFirm, ClientID: client, Recipient: recipient.Asked(), Process: process, Kind: kind, TemplateID: "template_id-1",
					})
				}
			}
		}
	}
	return asks
}

// rows is all that facts are written into.
func (s *factScene) rows() []string {
	s.t.Helper()
	var all []string
	for _, table := range []string{"firms", "clients", "contacts", "suppressions", "templates", "access", "logins", "removals"} {
		rows, err := s.db.Query(s.t.Context(), fmt.Sprintf("SELECT '%[1]s ' || to_jsonb(t)::text FROM %[1]s t ORDER BY 1", table))
		s.must(err)
		of, err := pgx.CollectRows(rows, pgx.RowTo[string])
		s.must(err)
		all = append(all, of...)
	}
	return all
}

// take applies a fact as a worker does, and returns what of it is projected.
func (s *factScene) take(typ events.Type, raw []byte, sequence uint64) store.Facts {
	s.t.Helper()
	data, err := events.DecodeData(typ, raw)
	if err != nil {
		s.t.Fatalf("%s: %v in %s; if a field takes only some values, give two of them in the map valid", typ, err, raw)
	}
	event := events.Event{
		Firm: theFirm, Type: typ, Source: "test", ID: "1", Time: s.ledger.Now(), Data: data, Raw: raw,
		At: events.Position{Stream: time.Unix(1, 0).UTC(), Sequence: sequence},
	}
	var facts store.Facts
	s.must(project(&facts, event))
	err = s.ledger.Commit(s.t.Context(), func(tx *ledger.Tx) error {
		if err := tx.ApplyFacts(s.t.Context(), &facts); err != nil {
			return err
		}
		return applyAccess(s.t.Context(), tx, event)
	})
	if err != nil {
		s.t.Fatalf("%s: %v; a column that does not exist wants a migration in internal/store/migrations", typ, err)
	}
	return facts
}
