package answer

import (
	"context"
	"slices"
	"time"

	"portal-invites/internal/pipeline/ledger"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// explanation decides candidates as a run does, and writes nothing. A run writes after each page which logins and
// accesses its candidates have reserved; an explanation keeps that in memory. Each call has an explanation of its own.
//
// A candidate can affect a later one in two ways only: by reserving the same email as its login, or by being the same
// person in one request. In both cases the two candidates have the same email. So an explanation that begins in the
// middle of the candidates need not decide all earlier ones. Before each page, it decides only the earlier candidates
// that share an email with a candidate of the page. So every page costs about the same, however many candidates come
// before it.
type explanation struct {
	ledger *ledger.Ledger
	tx     *store.Tx
	now    time.Time
	after  store.Cursor // where it begins
	visit  func(Explained) bool

	source    source            // nil for named recipients, who are one page
	contested map[string]bool   // the emails on this page that other candidates may have as well
	recalled  map[string]bool   // the emails whose earlier candidates have been decided
	reserved  *rules.Book       // the logins and accesses that were reserved with contested emails
	named     ledger.Duplicates // who was mentioned so far, also on earlier pages of a replay
}

// source reads the candidates of a bulk request or a replay.
type source interface {
	// page returns the next candidates behind the cursor. If there are fewer than explainPage, they are the last.
	page(ctx context.Context, after store.Cursor) ([]ledger.Candidate, store.Cursor, error)
	// contested returns those of the emails that several candidates may have.
	contested(ctx context.Context, emails []string) ([]string, error)
	// sharing returns the candidates up to the cursor whose email is one of these, in the source's order.
	sharing(ctx context.Context, emails []string, upTo store.Cursor) ([]ledger.Candidate, error)
}

// explainPage is larger than a run's page. Nothing is locked meanwhile, and with fewer round trips the answer comes
// sooner. It is slightly more than the longest page of an answer, so one page is enough for an answer.
const explainPage = 1024

func (x *explanation) walk(ctx context.Context, from source) error {
	x.source = from
	cursor := x.after
	for {
		page, to, err := from.page(ctx, cursor)
		if err != nil {
			return err
		}
		if more, err := x.decide(ctx, page); err != nil || !more || len(page) < explainPage {
			return err
		}
		cursor = to
	}
}

// decide decides a page of candidates one after the other. more says whether visit wants more.
func (x *explanation) decide(ctx context.Context, page []ledger.Candidate) (more bool, err error) {
	book, err := x.load(ctx, page)
	if err != nil {
		return false, err
	}
	if x.source != nil {
		if err := x.recall(ctx, x.emailsOf(book, page)); err != nil {
			return false, err
		}
	}
	return x.answer(book, page, x.visit), nil
}

func (x *explanation) load(ctx context.Context, page []ledger.Candidate) (*rules.Book, error) {
	return x.ledger.LoadBook(ctx, x.tx, ledger.AsksOf(page))
}

// recall finds out what the candidates before the beginning have reserved with these emails.
func (x *explanation) recall(ctx context.Context, emails []string) error {
	contested, err := x.source.contested(ctx, emails)
	if err != nil {
		return err
	}
	x.contested = map[string]bool{}
	var unknown []string
	for _, email := range contested {
		x.contested[email] = true
		if !x.recalled[email] {
			x.recalled[email] = true
			unknown = append(unknown, email)
		}
	}
	if x.after == (store.Cursor{}) || len(unknown) == 0 {
		return nil
	}
	earlier, err := x.source.sharing(ctx, unknown, x.after)
	if err != nil {
		return err
	}
	for page := range slices.Chunk(earlier, explainPage) {
		book, err := x.load(ctx, page)
		if err != nil {
			return err
		}
		x.answer(book, page, func(Explained) bool { return true })
	}
	return nil
}

// answer decides candidates on the book and on the reservations of earlier candidates.
func (x *explanation) answer(book *rules.Book, page []ledger.Candidate, visit func(Explained) bool) (more bool) {
	x.remember(book, page)
	_, once := x.source.(selection) // a selection names everybody once
	for _, c := range page {
		if !once {
			x.named.Mark(book, &c, x.now)
		}
		decision := book.Decide(c.Ask, x.now, x.ledger.Policy)
		if decision.Send() {
			x.reserve(book, c.Ask, decision)
		}
		explained := Explained{Ask: c.Ask, Decision: decision}
		if client := book.Clients[rules.ClientKey{FirmID: c.Ask.FirmID, ClientID: c.Ask.ClientID}]; client != nil {
			explained.ClientName = client.Name
		}
		if !visit(explained) {
			return false
		}
	}
	return true
}

// reserve enters a reservation into the book. It keeps the reservation for later pages only if its email is contested,
// because few of a hundred thousand people share an email.
func (x *explanation) reserve(book *rules.Book, ask rules.Ask, decision rules.Decision) {
	book.Reserve(ask, decision, x.now, x.ledger.Policy)
	if !x.contested[decision.Email.Normal] {
		return
	}
	login := rules.EmailKey{FirmID: ask.FirmID, Email: decision.Email.Normal}
	access := rules.AccessKey{FirmID: ask.FirmID, ClientID: ask.ClientID, Person: decision.Person}
	x.reserved.Logins[login], x.reserved.Accesses[access] = book.Logins[login], book.Accesses[access]
}

// remember enters the reservations of earlier pages into a page's book, as a run's next page would read them.
func (x *explanation) remember(book *rules.Book, page []ledger.Candidate) {
	for _, c := range page {
		_, email := x.personOf(book, c)
		login := rules.EmailKey{FirmID: c.Ask.FirmID, Email: email}
		if held := x.reserved.Logins[login]; held != nil {
			book.Logins[login] = held
		}
		person, _ := x.personOf(book, c) // by that login
		access := rules.AccessKey{FirmID: c.Ask.FirmID, ClientID: c.Ask.ClientID, Person: person}
		if taken := x.reserved.Accesses[access]; taken != nil {
			book.Accesses[access] = taken
		}
	}
}

// personOf is the person that a candidate means, and their email in its normal form; "" if the email is not valid.
func (x *explanation) personOf(book *rules.Book, c ledger.Candidate) (rules.Person, string) {
	person, contact := book.Resolve(c.Ask, x.now)
	if contact != nil {
		return person, contact.Email.Normal
	}
	return person, c.Ask.Recipient.Email.Normal
}

// emailsOf returns the distinct emails of a page, sorted.
func (x *explanation) emailsOf(book *rules.Book, page []ledger.Candidate) []string {
	emails := make([]string, 0, len(page))
	for _, c := range page {
		if _, email := x.personOf(book, c); email != "" {
			emails = append(emails, email)
		}
	}
	slices.Sort(emails)
	return slices.Compact(emails)
}
