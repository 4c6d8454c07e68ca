package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// Grant is one login of a person, as upstream tells it. If it has no contact, the person is the client's contact with
// that email. If the client has no such contact, the email alone is the person.
type Grant struct {
	FirmID, ClientID, ContactID string
	Email                       rules.Email
	GrantedAt                   time.Time // of the login
	At                          Position
}

// Grant makes people's access active after they have logged in, and returns the changes. The grants of one firm are
// applied in the given order, which is the stream's; grants of several firms do not concern each other.
//
//   - If a newer event (a removal or another grant) was applied before, a grant does nothing.
//   - If the access was active already, no change is returned. Grant stores only the grant's position and the login's
//     time. With the position, a removal that is older than the grant and comes late does not end the access.
//   - The time of the login is GrantedAt. It is stored unless the active access has a later one.
//
// An email opens the portal for one person of a firm. If it is reserved for another person or opens that person's
// portal, that person keeps it, because their link must go on working. The granted access then has no email.
//
// One statement writes all grants that have no person and no login in common (ADR 79).
func (t *Tx) Grant(ctx context.Context, grants []Grant, now time.Time) ([]AccessChange, error) {
	logins, err := t.grantedLogins(ctx, grants)
	if err != nil {
		return nil, err
	}
	var changes []AccessChange
	order := map[rules.AccessKey]int{} // the grant that changed an access, which only one can: it is active afterwards
	for _, round := range rounds(logins) {
		changed, err := t.grant(ctx, round, now)
		if err != nil {
			return nil, err
		}
		by := map[rules.AccessKey]int{}
		for _, l := range round {
			by[l.AccessKey] = l.n
		}
		for _, c := range changed {
			order[c.key()] = by[c.key()]
		}
		changes = append(changes, changed...)
	}
	slices.SortFunc(changes, func(a, b AccessChange) int { return cmp.Compare(order[a.key()], order[b.key()]) })
	return changes, nil
}

// grantedLogin is a grant, with the person and the login that it means.
type grantedLogin struct {
	rules.AccessKey
	n         int    // the grant's number
	email     string // the login, normal form; empty if the person has none
	before    string // the login of the access as it is now, if it has one and is in force
	grantedAt time.Time
	at        Position
}

// grantedLogins finds out who each grant means. It leaves out a grant that is older than a removal of its client or its
// contact. The tables are read by subqueries, one row for each grant. Joins would read them whole, or worse, while the
// planner does not know yet how large they are.
func (t *Tx) grantedLogins(ctx context.Context, grants []Grant) ([]grantedLogin, error) {
	return collect(ctx, t, "find whom grants mean", func(row pgx.CollectableRow) (grantedLogin, error) {
		var l grantedLogin
		if err := row.Scan(&l.n, &l.Person, &l.email, &l.before); err != nil {
			return l, err
		}
		g := grants[l.n-1]
		l.FirmID, l.ClientID, l.grantedAt, l.at = g.FirmID, g.ClientID, g.GrantedAt, g.At
		return l, nil
	}, `
		WITH grants AS MATERIALIZED (
			SELECT g.*, coalesce(nullif(g.named, ''), (
				SELECT k.contact_id FROM clients c JOIN contacts k ON k.firm_id = c.firm_id AND k.contact_id = ANY (c.contact_ids)
				WHERE c.firm_id = g.firm_id AND c.client_id = g.client_id AND NOT c.removed AND NOT k.removed
				  AND k.email_normal = g.email
				ORDER BY k.contact_id LIMIT 1)) AS contact_id
			FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[]) WITH ORDINALITY
				AS g (firm_id, client_id, named, email, stream, sequence, n)
		), logins AS MATERIALIZED (
			SELECT g.n, g.firm_id, g.client_id,
				CASE WHEN g.contact_id IS NULL THEN 'email:' || g.email ELSE 'contact:' || g.contact_id END AS person,
				coalesce(nullif(g.email, ''), (
					SELECT k.email_normal FROM contacts k WHERE k.firm_id = g.firm_id AND k.contact_id = g.contact_id), '') AS email,
				(SELECT (r.stream, r.sequence) > (g.stream, g.sequence) FROM removals r
				WHERE r.firm_id = g.firm_id AND r.thing = 'client' AND r.id = g.client_id) AS client_removed,
				(SELECT (r.stream, r.sequence) > (g.stream, g.sequence) FROM removals r
				WHERE r.firm_id = g.firm_id AND r.thing = 'contact' AND r.id = g.contact_id) AS contact_removed
			FROM grants g
		)
		SELECT l.n, l.person, l.email, coalesce((
			SELECT a.email FROM access a
			WHERE a.firm_id = l.firm_id AND a.client_id = l.client_id AND a.person = l.person AND a.state `+isInForce+`), '')
		FROM logins l WHERE client_removed IS NOT TRUE AND contact_removed IS NOT TRUE
		ORDER BY l.n`,
		column(grants, func(g Grant) string { return g.FirmID }),
		column(grants, func(g Grant) string { return g.ClientID }),
		column(grants, func(g Grant) string { return g.ContactID }),
		column(grants, func(g Grant) string { return g.Email.Normal }),
		column(grants, func(g Grant) time.Time { return g.At.Stream }),
		column(grants, func(g Grant) int64 { return int64(g.At.Sequence) }))
}

// rounds splits grants into rounds, to be written one after the other. In a round, each access and each login is
// concerned once. Grants that concern the same access or the same login keep their order.
func rounds(grants []grantedLogin) (list [][]grantedLogin) {
	accesses, logins := map[rules.AccessKey]int{}, map[rules.EmailKey]int{} // how many rounds concern them so far
	emails := map[rules.AccessKey][]string{}                                // which logins an access may have by then
	for _, g := range grants {
		if emails[g.AccessKey] == nil {
			emails[g.AccessKey] = []string{g.before}
		}
		emails[g.AccessKey] = append(emails[g.AccessKey], g.email)
		round := accesses[g.AccessKey]
		for _, email := range emails[g.AccessKey] {
			if email != "" {
				round = max(round, logins[rules.EmailKey{FirmID: g.FirmID, Email: email}])
			}
		}
		accesses[g.AccessKey] = round + 1
		for _, email := range emails[g.AccessKey] {
			logins[rules.EmailKey{FirmID: g.FirmID, Email: email}] = round + 1
		}
		if round == len(list) {
			list = append(list, nil)
		}
		list[round] = append(list[round], g)
	}
	return list
}
