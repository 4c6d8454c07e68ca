package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// LoadBook reads everything that the rules need to answer the questions. It takes two round trips, however many
// questions there are, and three if a person is named by email. There are one or two more if that email is the login of
// somebody whose contact does not have it.
func (t *Tx) LoadBook(ctx context.Context, asks []rules.Ask) (*rules.Book, error) {
	book, err := t.LoadNamed(ctx, asks)
	if err != nil {
		return nil, err
	}
	return book, t.LoadReservations(ctx, book, asks)
}

// LoadNamed reads the part of a book that the questions name: firms, clients, contacts and templates.
func (t *Tx) LoadNamed(ctx context.Context, asks []rules.Ask) (*rules.Book, error) {
	b := &bookLoader{tx: t.tx, book: rules.NewBook(), asks: asks}
	if err := b.named(ctx); err != nil {
		return nil, fmt.Errorf("load firms, clients, contacts and templates: %w", err)
	}
	if err := b.contactsOfClients(ctx); err != nil {
		return nil, fmt.Errorf("load contacts of clients: %w", err)
	}
	return b.book, nil
}

// LoadReservations adds what the named people have reserved, and who has reserved their emails: accesses, logins and
// suppressions.
//
// It reads recovered outcomes with that ([Tx.Recovered]). It must not run before [Tx.LoadNamed]. A removal removes a
// person and ends what they have reserved in one transaction. So if the first reading does not find a person, the
// second finds no reservation of theirs.
func (t *Tx) LoadReservations(ctx context.Context, book *rules.Book, asks []rules.Ask) error {
	b := &bookLoader{tx: t.tx, book: book, asks: asks}
	if err := b.erasures(ctx, t); err != nil {
		return err
	}
	if err := b.reservations(ctx); err != nil {
		return fmt.Errorf("load accesses, logins and suppressions: %w", err)
	}
	t.recovered = b.recovered
	if err := b.removedSince(ctx); err != nil {
		return fmt.Errorf("load what was removed meanwhile: %w", err)
	}
	if err := b.correctedSince(ctx); err != nil {
		return fmt.Errorf("load the emails that were corrected meanwhile: %w", err)
	}
	return nil
}

// bookLoader fills a book. One goroutine uses it.
type bookLoader struct {
	tx        pgx.Tx
	book      *rules.Book
	asks      []rules.Ask
	asked     map[rules.AccessKey]bool         // whose access is wanted
	recovered map[uuid.UUID][]RecoveredOutcome // see [Tx.Recovered]
	hashes    []byte                           // the key of erased emails, if a firm has erased anybody
	unhashed  map[rules.EmailKey]string        // the emails of questions, by what stands in the place of an erased one
}

// pairs collects distinct (firm, id) pairs, as the two arrays that unnest takes.
type pairs struct {
	firms, ids []string
	seen       map[[2]string]bool
}

func (p *pairs) add(firm, id string) {
	if p.seen == nil {
		p.seen = map[[2]string]bool{}
	}
	if key := [2]string{firm, id}; id != "" && !p.seen[key] {
		p.seen[key] = true
		p.firms, p.ids = append(p.firms, firm), append(p.ids, id)
	}
}

// named loads what the questions name.
func (b *bookLoader) named(ctx context.Context) error {
	var firms, clients, contacts, templates pairs
	for _, ask := range b.asks {
		firms.add("", ask.FirmID)
		clients.add(ask.FirmID, ask.ClientID)
		contacts.add(ask.FirmID, ask.Recipient.ContactID)
		contacts.add(ask.FirmID, ask.Person.ContactID())
		templates.add(ask.FirmID, ask.TemplateID)
	}
	var batch pgx.Batch
	batch.Queue(`
		SELECT firm_id, name, portal_url, reply_to, logo_url, color, locale, licenses, time_zone, sender, decline,
			nullif(limits, '{}'),
			EXISTS (SELECT FROM firm_pauses p
				WHERE p.firm_id = firms.firm_id AND p.paused AND p.lane IN ('', 'individual')),
			EXISTS (SELECT FROM erasures e WHERE e.firm_id = firms.firm_id)
		FROM firms WHERE firm_id = ANY ($1)`,
		firms.ids).Query(b.readFirm)
	batch.Queue(`
		SELECT c.firm_id, c.client_id, kind, name, active, contact_ids, primaries
		FROM unnest($1::text[], $2::text[]) AS asked (firm_id, client_id) CROSS JOIN LATERAL (
			SELECT * FROM clients WHERE firm_id = asked.firm_id AND client_id = asked.client_id LIMIT 1) c
		WHERE NOT removed`,
		clients.firms, clients.ids).Query(b.readClient)
	b.queueContacts(&batch, contacts)
	if len(templates.ids) > 0 {
		batch.Queue(`
			SELECT firm_id, template_id, body
			FROM unnest($1::text[], $2::text[]) AS asked (firm_id, template_id) JOIN templates USING (firm_id, template_id)
			WHERE NOT removed`,
			templates.firms, templates.ids).Query(b.readTemplate)
	}
	return b.tx.SendBatch(ctx, &batch).Close()
}

func (b *bookLoader) readFirm(rows pgx.Rows) error {
	var f rules.Firm
	var zone string
	var limits []byte
	columns := []any{&f.ID, &f.Name, &f.PortalURL, &f.ReplyTo, &f.LogoURL, &f.Color, &f.Locale, &f.Licenses, &zone,
		&f.Sender, &f.Declines, &limits, &f.Paused, &f.Erases}
	_, err := pgx.ForEachRow(rows, columns, func() error {
		firm := f
		firm.Zone = rules.Location(zone)
		if limits != nil {
			if err := json.Unmarshal(limits, &firm.Limits); err != nil {
				return err
			}
		}
		b.book.Firms[firm.ID] = &firm
		f.Licenses = nil
		return nil
	})
	return err
}

func (b *bookLoader) readClient(rows pgx.Rows) error {
	var (
		firmID    string
		c         rules.Client
		ids       []string
		primaries []bool
	)
	_, err := pgx.ForEachRow(rows, []any{&firmID, &c.ID, &c.Kind, &c.Name, &c.Active, &ids, &primaries}, func() error {
		client := c
		client.Contacts = make([]rules.ClientContact, len(ids))
		for i, id := range ids {
			client.Contacts[i] = rules.ClientContact{ContactID: id, Primary: primaries[i]}
		}
		b.book.Clients[rules.ClientKey{FirmID: firmID, ClientID: client.ID}] = &client
		return nil
	})
	return err
}

func (b *bookLoader) readTemplate(rows pgx.Rows) error {
	var key rules.TemplateKey
	var body string
	_, err := pgx.ForEachRow(rows, []any{&key.FirmID, &key.TemplateID, &body}, func() error {
		b.book.Templates[key] = body
		return nil
	})
	return err
}

// contactsOfClients loads every contact of the clients on which a person is added by email, because the email may be
// that of one of these contacts.
func (b *bookLoader) contactsOfClients(ctx context.Context) error {
	var wanted pairs
	for _, ask := range b.asks {
		client := b.book.Clients[rules.ClientKey{FirmID: ask.FirmID, ClientID: ask.ClientID}]
		if ask.Recipient.Email.Normal == "" || client == nil {
			continue
		}
		for _, contact := range client.Contacts {
			wanted.add(ask.FirmID, contact.ContactID)
		}
	}
	if len(wanted.ids) == 0 {
		return nil
	}
	var batch pgx.Batch
	b.queueContacts(&batch, wanted)
	return b.tx.SendBatch(ctx, &batch).Close()
}

func (b *bookLoader) queueContacts(batch *pgx.Batch, wanted pairs) {
	if len(wanted.ids) == 0 {
		return
	}
	batch.Queue(`
		SELECT asked.firm_id, asked.contact_id, coalesce(m.into_id, ''), coalesce(k.contact_id, ''), coalesce(k.name, ''),
			coalesce(k.email, ''), coalesce(k.email_normal, ''), coalesce(k.locale, '')
		FROM unnest($1::text[], $2::text[]) AS asked (firm_id, contact_id)
		LEFT JOIN merged_contacts m USING (firm_id, contact_id)
		LEFT JOIN LATERAL (
			SELECT * FROM contacts
			WHERE firm_id = asked.firm_id AND contact_id = coalesce(m.into_id, asked.contact_id) AND NOT removed LIMIT 1
		) k ON true
		WHERE k.contact_id IS NOT NULL OR m.into_id IS NOT NULL`,
		wanted.firms, wanted.ids).Query(b.readContact)
}

func (b *bookLoader) readContact(rows pgx.Rows) error {
	var firmID, asked, into string
	var c rules.Contact
	columns := []any{&firmID, &asked, &into, &c.ID, &c.Name, &c.Email.Written, &c.Email.Normal, &c.Locale}
	_, err := pgx.ForEachRow(rows, columns, func() error {
		if into != "" {
			b.book.Merged[rules.ContactKey{FirmID: firmID, ContactID: asked}] = into
		}
		if c.ID == "" {
			return nil
		}
		contact := c
		b.book.Contacts[rules.ContactKey{FirmID: firmID, ContactID: contact.ID}] = &contact
		return nil
	})
	return err
}

func (b *bookLoader) reservations(ctx context.Context) error {
	var emails pairs
	b.asked = map[rules.AccessKey]bool{}
	for _, ask := range b.asks {
		person, contact := b.book.Resolve(ask, anyTime)
		emails.add(ask.FirmID, ask.Recipient.Email.Normal)
		if contact != nil {
			emails.add(ask.FirmID, contact.Email.Normal)
		}
		b.ask(ask, person)
		if byEmail(ask) { // whom it means depends on their access
			b.ask(ask, b.book.ContactsByEmail(ask)...)
			b.ask(ask, rules.AddedPerson(ask.Recipient.Email.Normal))
		}
	}
	var batch pgx.Batch
	b.queueAccesses(&batch, b.asked)
	b.queueEmails(&batch, emails)
	b.queueRefused(&batch)
	b.queueRecovered(&batch)
	if err := b.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return err
	}
	return b.holders(ctx)
}

// anyTime is before every time, so that each login counts as reserved.
var anyTime time.Time

// byEmail says whether only an email says who the recipient is.
func byEmail(ask rules.Ask) bool {
	return ask.Person == "" && ask.Recipient.ContactID == "" && ask.Recipient.Email.Normal != ""
}

// ask notes that the access of people is wanted.
func (b *bookLoader) ask(ask rules.Ask, people ...rules.Person) {
	for _, person := range people {
		if person != "" {
			b.asked[rules.AccessKey{FirmID: ask.FirmID, ClientID: ask.ClientID, Person: person}] = true
		}
	}
}

// holders reads the access and the contact of people who log in with the email of a question, although it is not their
// contact's email on that client. It is one more round trip, and one more if their contact has another email.
func (b *bookLoader) holders(ctx context.Context) error {
	before := b.asked
	b.asked = map[rules.AccessKey]bool{}
	var contacts pairs
	for _, ask := range b.asks {
		login := b.book.Logins[rules.EmailKey{FirmID: ask.FirmID, Email: ask.Recipient.Email.Normal}]
		if !byEmail(ask) || login == nil {
			continue
		}
		key := rules.AccessKey{FirmID: ask.FirmID, ClientID: ask.ClientID, Person: login.Person}
		if before[key] {
			continue
		}
		b.asked[key] = true
		contacts.add(ask.FirmID, login.Person.ContactID())
	}
	if len(b.asked) == 0 {
		return nil
	}
	var batch pgx.Batch
	b.queueAccesses(&batch, b.asked)
	b.queueContacts(&batch, contacts)
	b.queueRefusedContacts(&batch, contacts)
	if err := b.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return err
	}
	var emails pairs
	for _, ask := range b.asks {
		if _, contact := b.book.Resolve(ask, anyTime); byEmail(ask) && contact != nil &&
			contact.Email.Normal != ask.Recipient.Email.Normal {
			emails.add(ask.FirmID, contact.Email.Normal)
		}
	}
	if len(emails.ids) == 0 {
		return nil
	}
	batch = pgx.Batch{}
	b.queueEmails(&batch, emails)
	return b.tx.SendBatch(ctx, &batch).Close()
}

// queueEmails asks who has each email as login, whether mail to it is stopped, and whether it has declined.
func (b *bookLoader) queueEmails(batch *pgx.Batch, emails pairs) {
	if len(emails.ids) == 0 {
		return
	}
	b.queueLogins(batch, emails)
	b.addHashed(&emails)
	batch.Queue(`
		SELECT asked.firm_id, asked.email, coalesce(s.cause, ''), d.declined_at, coalesce(d.bulk_only, false)
		FROM unnest($1::text[], $2::text[]) AS asked (firm_id, email) CROSS JOIN LATERAL (
			SELECT max(cause) AS cause FROM suppressions -- of several causes, one that a person made comes first
			WHERE firm_id = asked.firm_id AND email = asked.email AND NOT lifted) s
		LEFT JOIN LATERAL (
			SELECT declined_at, bulk_only FROM declines WHERE firm_id = asked.firm_id AND email = asked.email LIMIT 1) d ON true
		WHERE s.cause IS NOT NULL OR d.declined_at IS NOT NULL`,
		emails.firms, emails.ids).Query(b.readStopped)
}

// removedSince reads the clients and contacts of removed accesses again. One transaction ends an access and removes its
// contact or client. If it commits between the two reads, the book has the contact and no access, and the reason for a
// skip depends on timing.
func (b *bookLoader) removedSince(ctx context.Context) error {
	again := &bookLoader{tx: b.tx, book: b.book}
	for _, ask := range b.asks {
		person, contact := b.book.Resolve(ask, anyTime)
		access := b.book.Accesses[rules.AccessKey{FirmID: ask.FirmID, ClientID: ask.ClientID, Person: person}]
		if access == nil || access.State != rules.Removed {
			continue
		}
		again.asks = append(again.asks, ask)
		delete(b.book.Clients, rules.ClientKey{FirmID: ask.FirmID, ClientID: ask.ClientID})
		if contact != nil {
			delete(b.book.Contacts, rules.ContactKey{FirmID: ask.FirmID, ContactID: contact.ID})
		}
	}
	if len(again.asks) == 0 {
		return nil
	}
	if err := again.named(ctx); err != nil {
		return err
	}
	return again.contactsOfClients(ctx)
}

// correctedSince reads the contacts again whose pending access has another email. Between the two reads, a contact may
// get a new email and be invited there. Then the book has the old email beside the new access. It would look as if the
// office had changed the email since the invite, and the person would be invited twice. The contact that is read now is
// not older than the access, and whoever writes the access finds out whether it has changed since.
func (b *bookLoader) correctedSince(ctx context.Context) error {
	var contacts pairs
	before := map[rules.ContactKey]string{}
	for _, ask := range b.asks {
		person, contact := b.book.Resolve(ask, anyTime)
		access := b.book.Accesses[rules.AccessKey{FirmID: ask.FirmID, ClientID: ask.ClientID, Person: person}]
		if access == nil || contact == nil || access.State != rules.Invited || access.Email == contact.Email.Normal {
			continue
		}
		key := rules.ContactKey{FirmID: ask.FirmID, ContactID: contact.ID}
		before[key] = contact.Email.Normal
		contacts.add(ask.FirmID, contact.ID)
		delete(b.book.Contacts, key) // it may be gone
	}
	if len(before) == 0 {
		return nil
	}
	var batch pgx.Batch
	b.queueContacts(&batch, contacts)
	if err := b.tx.SendBatch(ctx, &batch).Close(); err != nil {
		return err
	}
	var emails pairs
	for key, email := range before {
		if contact := b.book.Contacts[key]; contact != nil && contact.Email.Normal != email {
			emails.add(key.FirmID, contact.Email.Normal)
		}
	}
	if len(emails.ids) == 0 {
		return nil
	}
	batch = pgx.Batch{}
	b.queueEmails(&batch, emails)
	return b.tx.SendBatch(ctx, &batch).Close()
}

func (b *bookLoader) queueAccesses(batch *pgx.Batch, keys map[rules.AccessKey]bool) {
	if len(keys) == 0 {
		return
	}
	var firms, clients, persons []string
	for key := range keys {
		firms = append(firms, key.FirmID)
		clients = append(clients, key.ClientID)
		persons = append(persons, string(key.Person))
	}
	batch.Queue(`
		SELECT access.firm_id, access.client_id, access.person, state, coalesce(invite_id::text, ''), email,
			invited_at, mailed_at, expires_at, version, removed_why, coalesce(waiting.how, '')
		FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (firm_id, client_id, person)
		-- LIMIT 1 makes Postgres look up each row by its key, whatever number of rows the planner expects.
		CROSS JOIN LATERAL (
			SELECT * FROM access
			WHERE firm_id = asked.firm_id AND client_id = asked.client_id AND person = asked.person LIMIT 1) access
		LEFT JOIN LATERAL (
			SELECT CASE WHEN lane = 'bulk' AND invites.state = `+sqlQueued+` THEN '`+string(rules.WaitsInRun)+`'
			            ELSE '`+string(rules.WaitsAlone)+`' END AS how
			FROM invites WHERE invites.invite_id = access.invite_id AND CASE WHEN access.state = `+sqlInvited+`
				THEN invites.state `+isOnItsWay+` AND held_at IS NULL ELSE attempt = 0 END LIMIT 1
		) waiting ON access.state IN (`+sqlInvited+`, `+sqlRemoved+`)`,
		firms, clients, persons).Query(b.readAccess)
}

func (b *bookLoader) readAccess(rows pgx.Rows) error {
	var (
		key                        rules.AccessKey
		a                          rules.Access
		invited, mailed, expiresAt *time.Time
	)
	columns := []any{&key.FirmID, &key.ClientID, &key.Person, &a.State, &a.InviteID, &a.Email,
		&invited, &mailed, &expiresAt, &a.Version, &a.Why, &a.Waits}
	_, err := pgx.ForEachRow(rows, columns, func() error {
		access := a
		access.InvitedAt, access.MailedAt, access.ExpiresAt = orZero(invited), orZero(mailed), orZero(expiresAt)
		b.book.Accesses[key] = &access
		return nil
	})
	return err
}

// queueLogins asks which person has each email as login. It also reads the person's name and one client to whose portal
// they have access, because an explanation of the conflict names both.
func (b *bookLoader) queueLogins(batch *pgx.Batch, emails pairs) {
	batch.Queue(`
		SELECT l.firm_id, l.email, l.person, l.held_until, coalesce(k.name, ''), coalesce(a.client_id, '')
		FROM unnest($1::text[], $2::text[]) AS asked (firm_id, email)
		CROSS JOIN LATERAL (SELECT * FROM logins WHERE firm_id = asked.firm_id AND email = asked.email LIMIT 1) l
		LEFT JOIN LATERAL (
			SELECT name FROM contacts
			WHERE l.person LIKE 'contact:%' AND firm_id = l.firm_id AND contact_id = substr(l.person, 9) LIMIT 1) k ON true
		LEFT JOIN LATERAL (
			SELECT client_id FROM access
			WHERE access.firm_id = l.firm_id AND access.person = l.person AND access.email = l.email
			  AND access.state `+isInForce+`
			ORDER BY client_id LIMIT 1) a ON true`,
		emails.firms, emails.ids).Query(b.readLogin)
}

func (b *bookLoader) readLogin(rows pgx.Rows) error {
	var key rules.EmailKey
	var l rules.Login
	columns := []any{&key.FirmID, &key.Email, &l.Person, &l.ReservedUntil, &l.HolderName, &l.ClientID}
	_, err := pgx.ForEachRow(rows, columns, func() error {
		login := l
		b.book.Logins[key] = &login
		return nil
	})
	return err
}

// readStopped reads what stops mail to an email: a suppression, a decline, or both.
func (b *bookLoader) readStopped(rows pgx.Rows) error {
	var key rules.EmailKey
	var cause string
	var declinedAt *time.Time
	var bulkOnly bool
	_, err := pgx.ForEachRow(rows, []any{&key.FirmID, &key.Email, &cause, &declinedAt, &bulkOnly}, func() error {
		if email := b.unhashed[key]; email != "" {
			key.Email = email
		}
		if cause != "" {
			b.book.Suppressed[key] = max(b.book.Suppressed[key], cause)
		}
		if declinedAt != nil && b.book.Declined[key].At.Before(*declinedAt) {
			b.book.Declined[key] = rules.Declined{At: *declinedAt, BulkOnly: bulkOnly}
		}
		return nil
	})
	return err
}

// EmailBefore reads the email of a contact (normal form) at a place in the stream, or "" if there is no such contact.
func (t *Tx) EmailBefore(ctx context.Context, firmID, contactID string, at Position) (string, error) {
	emails, err := collect(ctx, t, "read a contact's email", pgx.RowTo[string], `
		SELECT `+emailAt("k", "p")+` FROM contacts k, (SELECT $3::timestamptz AS stream, $4::bigint AS sequence) p
		WHERE firm_id = $1 AND contact_id = $2
		  AND ((k.stream, k.sequence) < (p.stream, p.sequence) OR k.emails_before IS NOT NULL)`,
		firmID, contactID, at.Stream, int64(at.Sequence))
	if err != nil || len(emails) == 0 {
		return "", err
	}
	return emails[0], nil
}

// Portal is what the facts say about the portal that somebody wants to open. It is zero if no fact about the client is
// known.
type Portal struct {
	ClientName string
	Suspended  rules.Suspension
	Moved      bool // the email of the person's contact is newer than the access, and not its login
}

// FindPortal reads what the facts say to a person with access.
func (t *Tx) FindPortal(ctx context.Context, firmID, clientID string, person rules.Person) (Portal, error) {
	portals, err := collect(ctx, t, "find a portal", pgx.RowToStructByPos[Portal], `
		SELECT c.name, `+suspension("$3::text")+`, coalesce(
			k.email_normal <> a.email AND (k.stream, k.sequence) > (a.stream, a.sequence), false)
		FROM clients c LEFT JOIN contacts k ON k.firm_id = c.firm_id AND k.contact_id = $4
		LEFT JOIN access a ON a.firm_id = c.firm_id AND a.client_id = c.client_id AND a.person = $3
		WHERE c.firm_id = $1 AND c.client_id = $2`,
		firmID, clientID, string(person), person.ContactID())
	if err != nil || len(portals) == 0 {
		return Portal{}, err
	}
	return portals[0], nil
}

// suspension is why a person's access to the portal of a client c is suspended. A removed client has no access left.
func suspension(person string) string {
	return `CASE WHEN c.removed THEN ''
		WHEN NOT c.active THEN '` + string(rules.ClientArchived) + `'
		WHEN ` + person + ` LIKE 'contact:%' AND substr(` + person + `, 9) <> ALL (c.contact_ids)
			THEN '` + string(rules.NotOnClient) + `' ELSE '' END`
}
