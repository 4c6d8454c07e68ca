package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// Standing is a person on a client, what is known of both, the access between them, and the newest invite.
type Standing struct {
	ClientID   string
	Person     rules.Person
	ClientName string
	Name       string // of the contact; "" for a person added by email, whose invite has one
	Email      rules.Email

	Access    *rules.Access // nil: never invited
	Opener    Opener        // the invite whose link opens the access
	LastLogin time.Time
	RemovedAt time.Time

	Invite  *Invite  // nil: nobody has asked for one
	Attempt *Attempt // the last of the invite's; nil: none
	Cause   Request  // of the invite; without its data
}

// Opener is the invite that an access goes back to; its zero value means none of this pipeline's.
type Opener struct {
	State State
	Kind  rules.Kind
}

// StandingFilter says whose standing is asked for: everybody's on a client, a person's on every client, or both. At least one
// of ClientID and Persons is set.
type StandingFilter struct {
	FirmID   string
	ClientID string
	Persons  []rules.Person

	AfterClient string // the last of the page before
	AfterPerson rules.Person
}

// Persons are those behind an email (normal form): the contacts that have it, whoever logs in with it, and the person who would
// be added under it.
func (t *Tx) Persons(ctx context.Context, firmID, email string) ([]rules.Person, error) {
	return collect(ctx, t, "find who has an email", pgx.RowTo[rules.Person], `
		SELECT 'contact:' || contact_id FROM contacts WHERE firm_id = $1 AND email_normal = $2 AND NOT removed
		UNION SELECT person FROM logins WHERE firm_id = $1 AND email = $2
		UNION SELECT 'email:' || $2 ORDER BY 1`, firmID, email)
}

// Standings reads where people stand, in (client, person) order, at most limit.
func (t *Tx) Standings(ctx context.Context, f StandingFilter, limit int) ([]Standing, error) {
	pairs := standingOfPersons
	args := []any{f.FirmID, f.ClientID, column(f.Persons, func(p rules.Person) string { return string(p) }), f.AfterClient, string(f.AfterPerson), limit, contactIDs(f.Persons)}
	if len(f.Persons) == 0 {
		pairs, args = standingOfClient, []any{f.FirmID, f.ClientID, []string{}, f.AfterClient, string(f.AfterPerson), limit, []string{}}
	}
	standings, err := collect(ctx, t, "read where people stand", scanStanding, pairs+standingColumns, args...)
	if err != nil || len(standings) == 0 {
		return nil, err
	}
	return standings, t.addNewest(ctx, f.FirmID, standings)
}

// StandingOf is where the person stands whom an invite is for, with that invite. Somebody whose email was no address is nobody
// in particular: then there is the invite alone.
func (t *Tx) StandingOf(ctx context.Context, i Invite) (Standing, error) {
	s := Standing{ClientID: i.ClientID, Person: i.Person}
	if i.Person != "" {
		found, err := t.Standings(ctx, StandingFilter{FirmID: i.FirmID, ClientID: i.ClientID, Persons: []rules.Person{i.Person}}, 1)
		if err != nil {
			return s, err
		}
		if len(found) > 0 {
			s = found[0]
		}
	}
	if s.ClientName == "" {
		var err error
		if s.ClientName, err = t.ClientName(ctx, i.FirmID, i.ClientID); err != nil {
			return s, err
		}
	}
	standings := []Standing{s}
	err := t.addInvites(ctx, standings, []uuid.UUID{i.ID})
	return standings[0], err
}

func contactIDs(persons []rules.Person) []string {
	ids := []string{}
	for _, p := range persons {
		if id := p.ContactID(); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// Both begin with the pairs that are asked for, and take the same arguments.
const (
	standingOfClient = `
		WITH pairs AS (
			SELECT client_id, 'contact:' || unnest(contact_ids) COLLATE "C" AS person FROM clients
			WHERE firm_id = $1 AND client_id = $2 AND NOT removed AND cardinality($3::text[]) = 0 AND cardinality($7::text[]) = 0
			UNION SELECT client_id, person FROM access WHERE firm_id = $1 AND client_id = $2
		)`
	standingOfPersons = `
		WITH pairs AS (
			SELECT c.client_id, 'contact:' || k.contact_id COLLATE "C" AS person
			FROM unnest($7::text[]) AS k (contact_id)
			JOIN clients c ON c.firm_id = $1 AND c.contact_ids @> ARRAY[k.contact_id] AND NOT c.removed AND ($2 = '' OR c.client_id = $2)
			UNION SELECT client_id, person FROM access WHERE firm_id = $1 AND person = ANY ($3) AND ($2 = '' OR client_id = $2)
			UNION SELECT client_id, person FROM invites WHERE firm_id = $1 AND person = ANY ($3) AND ($2 = '' OR client_id = $2)
		)`
	standingColumns = `
		SELECT p.client_id, p.person, coalesce(c.name, ''), coalesce(k.name, ''), coalesce(k.email, ''), coalesce(k.email_normal, ''),
			a.state, coalesce(a.invite_id::text, ''), coalesce(a.email, ''), a.invited_at, a.mailed_at, a.expires_at, a.last_login_at, a.removed_at,
			coalesce(o.state, ''), coalesce(o.kind, '')
		FROM (SELECT * FROM pairs WHERE (client_id, person) > ($4, $5) ORDER BY client_id, person LIMIT $6) p
		-- Each looked up by its key, whatever the planner takes the number of pairs for.
		LEFT JOIN LATERAL (SELECT * FROM clients WHERE firm_id = $1 AND client_id = p.client_id LIMIT 1) c ON true
		LEFT JOIN LATERAL (SELECT * FROM contacts WHERE firm_id = $1 AND contact_id = substr(p.person, 9) LIMIT 1) k ON p.person LIKE 'contact:%'
		LEFT JOIN LATERAL (SELECT * FROM access WHERE firm_id = $1 AND client_id = p.client_id AND person = p.person LIMIT 1) a ON true
		LEFT JOIN LATERAL (SELECT * FROM invites WHERE invite_id = a.invite_id LIMIT 1) o ON true
		ORDER BY p.client_id, p.person`
)

func scanStanding(row pgx.CollectableRow) (Standing, error) {
	var s Standing
	var a rules.Access
	var state *rules.AccessState
	var invited, mailed, expires, active, removed *time.Time
	err := row.Scan(&s.ClientID, &s.Person, &s.ClientName, &s.Name, &s.Email.Written, &s.Email.Normal,
		&state, &a.InviteID, &a.Email, &invited, &mailed, &expires, &active, &removed,
		&s.Opener.State, &s.Opener.Kind)
	if state != nil {
		a.State, a.InvitedAt, a.MailedAt, a.ExpiresAt = *state, orZero(invited), orZero(mailed), orZero(expires)
		s.Access, s.LastLogin, s.RemovedAt = &a, orZero(active), orZero(removed)
	}
	return s, err
}

// addNewest finds the newest invite of each. Of several decided at the same moment (somebody named twice in one request) it is
// the one that went furthest.
func (t *Tx) addNewest(ctx context.Context, firmID string, standings []Standing) error {
	ids, err := collect(ctx, t, "find the newest invites", pgx.RowTo[uuid.UUID], `
		SELECT newest.invite_id FROM unnest($2::text[], $3::text[]) AS p (client_id, person)
		CROSS JOIN LATERAL (
			SELECT invite_id FROM invites i WHERE i.firm_id = $1 AND i.person = p.person AND i.client_id = p.client_id
			ORDER BY decided_at DESC, state = 'skipped', invite_id LIMIT 1) newest`,
		firmID,
		column(standings, func(s Standing) string { return s.ClientID }),
		column(standings, func(s Standing) string { return string(s.Person) }))
	if err != nil || len(ids) == 0 {
		return err
	}
	return t.addInvites(ctx, standings, ids)
}

// addInvites gives each standing its invite among these, of which each has one at most.
func (t *Tx) addInvites(ctx context.Context, standings []Standing, ids []uuid.UUID) error {
	invites, err := t.LoadInvites(ctx, ids)
	if err != nil {
		return err
	}
	attempts, err := t.lastAttempts(ctx, ids)
	if err != nil {
		return err
	}
	causes, err := t.causes(ctx, ids)
	if err != nil {
		return err
	}
	type pair struct {
		client string
		person rules.Person
	}
	byPair := map[pair]Invite{}
	for _, i := range invites {
		byPair[pair{i.ClientID, i.Person}] = i
	}
	for n := range standings {
		s := &standings[n]
		if i, there := byPair[pair{s.ClientID, s.Person}]; there {
			s.Invite, s.Cause = &i, causes[i.RequestID]
			if a, tried := attempts[i.ID]; tried {
				s.Attempt = &a
			}
		}
	}
	return nil
}

func (t *Tx) lastAttempts(ctx context.Context, invites []uuid.UUID) (map[uuid.UUID]Attempt, error) {
	list, err := collect(ctx, t, "read attempts", func(row pgx.CollectableRow) (Attempt, error) {
		var a Attempt
		err := row.Scan(&a.InviteID, &a.Number, &a.MessageID, &a.Verdict, &a.Stage, &a.SMTPCode, &a.Enhanced, &a.Said)
		return a, err
	}, `SELECT DISTINCT ON (invite_id) invite_id, attempt, message_id, verdict, stage, smtp_code, enhanced, said FROM attempts
		WHERE invite_id = ANY ($1) ORDER BY invite_id, attempt DESC`, invites)
	if err != nil {
		return nil, err
	}
	last := make(map[uuid.UUID]Attempt, len(list))
	for _, a := range list {
		last[a.InviteID] = a
	}
	return last, nil
}

// causes are the requests behind invites, without their data: one that named thousands of clients is long.
func (t *Tx) causes(ctx context.Context, invites []uuid.UUID) (map[uuid.UUID]Request, error) {
	list, err := collect(ctx, t, "read the causes of invites", func(row pgx.CollectableRow) (Request, error) {
		var r Request
		err := row.Scan(&r.ID, &r.Source, &r.EventID, &r.Type)
		return r, err
	}, `SELECT request_id, source, event_id, type FROM requests
		WHERE request_id IN (SELECT request_id FROM invites WHERE invite_id = ANY ($1))`, invites)
	if err != nil {
		return nil, err
	}
	causes := make(map[uuid.UUID]Request, len(list))
	for _, r := range list {
		causes[r.ID] = r
	}
	return causes, nil
}
