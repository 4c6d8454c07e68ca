package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// Grant is one login of a person, as upstream tells it. If it has no contact, the email says who it is. It means the
// first of these that there is (ADR 122):
//
//  1. who logs in with it, if they are on the client or have access there,
//  2. a contact of the client with that email who has access there,
//  3. any contact of the client with that email,
//  4. the email alone.
type Grant struct {
	FirmID, ClientID, ContactID string
	Email                       rules.Email
	GrantedAt                   time.Time // of the login
	Told                        time.Time // the time that was told, if it had not come yet; zero otherwise
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
// A grant finds what was known at its place in the stream, also if newer facts were applied before (ADR 127): the email
// of a contact, the list of a client, and the access that newer facts have ended.
//
// One statement writes all grants that have no person and no login in common (ADR 79). After that, an email may mean
// another person, so the grants that are left are looked up again.
func (t *Tx) Grant(ctx context.Context, grants []Grant, now time.Time) ([]AccessChange, error) {
	left := make([]numberedGrant, len(grants))
	for i, g := range grants {
		left[i] = numberedGrant{g, i}
	}
	var changes []AccessChange
	order := map[rules.AccessKey]int{} // the grant that changed an access, which only one can: it is active afterwards
	for len(left) > 0 {
		logins, err := t.grantedLogins(ctx, left, now)
		if err != nil {
			return nil, err
		}
		list := rounds(logins)
		next := len(list)
		if next > 1 && slices.ContainsFunc(left, func(g numberedGrant) bool { return g.ContactID == "" }) {
			next = 1
		}
		for _, round := range list[:next] {
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
		waiting := map[int]bool{}
		for _, l := range slices.Concat(list[next:]...) {
			waiting[l.n] = true
		}
		left = slices.DeleteFunc(left, func(g numberedGrant) bool { return !waiting[g.n] })
	}
	slices.SortFunc(changes, func(a, b AccessChange) int { return cmp.Compare(order[a.key()], order[b.key()]) })
	return changes, nil
}

// numberedGrant is a grant, and its number in the batch.
type numberedGrant struct {
	Grant
	n int
}

// grantedLogin is a grant, with the person and the login that it means.
type grantedLogin struct {
	rules.AccessKey
	n         int          // the grant's number
	holder    rules.Person // who logs in with the email; whom it means may depend on their access
	email     string       // the login, normal form; empty if the person has none
	before    string       // the login of the access as it is now, if it has one and is in force
	grantedAt time.Time
	reported  time.Time // see [Grant]
	at        Position
}

// grantedLogins finds out who each grant means. It leaves out a grant that is older than a removal of its client or its
// contact. The tables are read by subqueries, one row for each grant. Joins would read them whole, or worse, while the
// planner does not know yet how large they are.
func (t *Tx) grantedLogins(ctx context.Context, grants []numberedGrant, now time.Time) ([]grantedLogin, error) {
	return collect(ctx, t, "find whom grants mean", func(row pgx.CollectableRow) (grantedLogin, error) {
		var l grantedLogin
		if err := row.Scan(&l.n, &l.Person, &l.holder, &l.email, &l.before); err != nil {
			return l, err
		}
		g := grants[l.n-1]
		l.FirmID, l.ClientID, l.grantedAt, l.reported, l.at, l.n = g.FirmID, g.ClientID, g.GrantedAt, g.Told, g.At, g.n
		return l, nil
	}, `
		WITH grants AS MATERIALIZED (
			SELECT g.*, CASE WHEN g.named = '' THEN coalesce((
				SELECT a.person FROM access a
				WHERE a.firm_id = g.firm_id AND a.email = g.email AND `+endedSince("g")+` LIMIT 1), (
				SELECT l.person FROM logins l
				WHERE l.firm_id = g.firm_id AND l.email = g.email AND l.held_until > $7)) END AS holder
			FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::bigint[]) WITH ORDINALITY
				AS g (firm_id, client_id, named, email, stream, sequence, n)
		), people AS MATERIALIZED (
			SELECT g.*, coalesce('contact:' || `+contactNow("g.firm_id", "nullif(g.named, '')")+`, CASE WHEN EXISTS (
					SELECT FROM access a WHERE a.firm_id = g.firm_id AND a.client_id = g.client_id AND a.person = g.holder
					  AND (a.state `+isInForce+` OR `+endedSince("g")+`)
				) OR EXISTS (
					SELECT FROM clients c WHERE c.firm_id = g.firm_id AND c.client_id = g.client_id AND NOT c.removed
					  AND g.holder LIKE 'contact:%' AND substr(g.holder, 9) = ANY (`+listAt("c", "g")+`)
				) THEN g.holder END, (
				SELECT 'contact:' || k.contact_id
				FROM clients c JOIN contacts k ON k.firm_id = c.firm_id AND k.contact_id = ANY (`+listAt("c", "g")+`)
				WHERE c.firm_id = g.firm_id AND c.client_id = g.client_id AND NOT c.removed AND NOT k.removed
				  AND `+emailAt("k", "g")+` = g.email
				ORDER BY EXISTS (
					SELECT FROM access a WHERE a.firm_id = g.firm_id AND a.client_id = g.client_id
					  AND a.person = 'contact:' || k.contact_id
					  AND (a.state `+isInForce+` OR `+endedSince("g")+`)) DESC, k.contact_id LIMIT 1
			), 'email:' || g.email) AS person
			FROM grants g
		), meant AS MATERIALIZED (
			SELECT g.n, g.firm_id, g.client_id, g.person, g.holder, g.stream, g.sequence,
				coalesce(nullif(g.email, ''), (
					SELECT `+emailAt("k", "g")+` FROM contacts k
					WHERE k.firm_id = g.firm_id AND k.contact_id = substr(g.person, 9)), '') AS email,
				(SELECT (r.stream, r.sequence) > (g.stream, g.sequence) FROM removals r
				WHERE r.firm_id = g.firm_id AND r.thing = 'client' AND r.id = g.client_id) AS client_removed,
				(SELECT (r.stream, r.sequence) > (g.stream, g.sequence) FROM removals r
				WHERE r.firm_id = g.firm_id AND r.thing = 'contact' AND r.id = substr(g.person, 9)
				  AND g.person LIKE 'contact:%') AS contact_removed
			FROM people g
		)
		SELECT m.n, m.person, coalesce(m.holder, ''), m.email, coalesce((
			SELECT a.email FROM access a
			WHERE a.firm_id = m.firm_id AND a.client_id = m.client_id AND a.person = m.person
			  AND (a.state `+isInForce+` OR `+endedSince("m")+`)), '')
		FROM meant m WHERE client_removed IS NOT TRUE AND contact_removed IS NOT TRUE
		ORDER BY m.n`,
		column(grants, func(g numberedGrant) string { return g.FirmID }),
		column(grants, func(g numberedGrant) string { return g.ClientID }),
		column(grants, func(g numberedGrant) string { return g.ContactID }),
		column(grants, func(g numberedGrant) string { return g.Email.Normal }),
		column(grants, func(g numberedGrant) time.Time { return g.At.Stream }),
		column(grants, func(g numberedGrant) int64 { return int64(g.At.Sequence) }), now)
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
		holder := rules.AccessKey{FirmID: g.FirmID, ClientID: g.ClientID, Person: g.holder}
		round := max(accesses[g.AccessKey], accesses[holder])
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
