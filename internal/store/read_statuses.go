package store

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// PersonStatus is a row of statuses, with what it refers to.
type PersonStatus struct {
	ClientID, ClientName, ClientKind string
	Person                           rules.Person
	Name                             string
	Email                            rules.Email
	Listed, Primary                  bool
	State                            rules.StatusState
	Reason                           string // of the newest invite, if it was not sent: a code, or [rules.ReasonFailed]
	Mail                             rules.MailState
	LastLogin                        time.Time
	InviteID                         uuid.NullUUID // the newest invite
	DecidedAt                        time.Time     // of that invite
	Revision                         int           // of that invite
	AccessVersion                    int           // 0: there is no access
}

// PeopleFilter narrows a list of statuses. A field that is not set does not narrow it.
type PeopleFilter struct {
	FirmID   string // always set
	ClientID string

	State  rules.StatusState
	Reason string // a code, or [rules.ReasonFailed]
	Mail   rules.MailState

	NoPortal                bool // only clients where nobody was ever sent an invite
	Kind                    string
	Primary                 *bool
	LoginAfter, LoginBefore time.Time
	Text                    string // a part of the name of the person, or of the client
	Email                   string // normal form

	Run uuid.NullUUID // what this run has queued does not count for NoPortal
}

// PeopleKey is the position of a person on a client in a list.
type PeopleKey struct {
	ClientID string
	Person   rules.Person
}

// conditions builds a WHERE clause.
type conditions struct {
	sql  strings.Builder
	args []any
}

// add adds a condition. Each ? of it is replaced by an argument.
func (c *conditions) add(sql string, args ...any) {
	c.sql.WriteString("\n AND ")
	for _, arg := range args {
		before, after, _ := strings.Cut(sql, "?")
		c.args = append(c.args, arg)
		c.sql.WriteString(before + "$" + strconv.Itoa(len(c.args)))
		sql = after
	}
	c.sql.WriteString(sql)
}

// likeAnywhere is a pattern of LIKE for a text anywhere.
func likeAnywhere(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
}

// ofOthers are the conditions besides those on state, reason and mail.
func (f PeopleFilter) ofOthers() *conditions {
	c := &conditions{args: []any{f.FirmID}} // $1
	if f.ClientID != "" {
		c.add(`s.client_id = ?`, f.ClientID)
	}
	if f.NoPortal {
		c.add(`NOT EXISTS (SELECT FROM statuses o WHERE o.firm_id = $1 AND o.client_id = s.client_id
			AND o.state NOT IN ('`+string(rules.StatusNeverAsked)+`', '`+string(rules.StatusNotSent)+`')
			AND NOT EXISTS (SELECT FROM invites i WHERE i.invite_id = o.opener_id AND i.run_id = ?))`, f.Run)
	}
	if f.Kind != "" {
		c.add(`s.client_id IN (SELECT client_id FROM clients WHERE firm_id = $1 AND kind = ?)`, f.Kind)
	}
	if f.Primary != nil {
		c.add(`s.is_primary = ?`, *f.Primary)
	}
	if !f.LoginAfter.IsZero() {
		c.add(`s.last_login_at >= ?`, f.LoginAfter)
	}
	if !f.LoginBefore.IsZero() {
		c.add(`s.last_login_at < ?`, f.LoginBefore)
	}
	if f.Email != "" {
		c.add(`s.person IN (
			SELECT 'contact:' || contact_id FROM contacts WHERE firm_id = $1 AND email_normal = ? AND NOT removed
			UNION SELECT person FROM logins WHERE firm_id = $1 AND email = ?
			UNION SELECT 'email:' || ?)`, f.Email, f.Email, f.Email)
	}
	if f.Text != "" {
		like := likeAnywhere(f.Text)
		c.add(`(s.person IN (
				SELECT 'contact:' || contact_id FROM contacts WHERE firm_id = $1 AND NOT removed AND name ILIKE ?)
			OR s.client_id IN (SELECT client_id FROM clients WHERE firm_id = $1 AND name ILIKE ?)
			OR s.guest_name ILIKE ?)`, like, like, like)
	}
	return c
}

// reasonOf is the reason of a row (s) to whose person nothing was sent.
const reasonOf = `CASE WHEN s.state <> '` + string(rules.StatusNotSent) + `' THEN ''
	WHEN s.invite_state = ` + sqlFailed + ` THEN '` + rules.ReasonFailed + `' ELSE s.reason END`

const mailOf = `coalesce(nullif(s.mail, ''), '` + string(rules.MailUnknown) + `')`

// all are all conditions.
func (f PeopleFilter) all() *conditions {
	c := f.ofOthers()
	if f.State != "" {
		c.add(`s.state = ?`, string(f.State))
	}
	if f.Reason != "" {
		c.add(reasonOf+` = ?`, f.Reason)
	}
	if f.Mail != "" {
		c.add(mailOf+` = ?`, string(f.Mail))
	}
	return c
}

// People reads at most limit statuses of a firm behind a position, in the order of clients and people. This order never
// goes by what changes, so nobody is missed or read twice.
func (t *Tx) People(ctx context.Context, f PeopleFilter, after PeopleKey, limit int) ([]PersonStatus, error) {
	c := f.all()
	c.add(`(s.client_id, s.person) > (?, ?)`, after.ClientID, string(after.Person))
	c.args = append(c.args, limit)
	return collect(ctx, t, "list statuses", scanPerson, `
		SELECT s.client_id, coalesce(c.name, ''), coalesce(c.kind, ''), s.person, coalesce(k.name, s.guest_name),
			coalesce(k.email, i.email, ''), coalesce(k.email_normal, i.email_normal, ''), s.listed, s.is_primary, s.state,
			`+reasonOf+`, `+mailOf+`, s.last_login_at, s.invite_id, s.decided_at, coalesce(i.revision, 0),
			coalesce(a.version, 0)
		FROM (
			SELECT * FROM statuses s WHERE s.firm_id = $1`+c.sql.String()+`
			ORDER BY s.client_id, s.person LIMIT $`+strconv.Itoa(len(c.args))+`
		) s
		LEFT JOIN LATERAL (SELECT name, kind FROM clients WHERE firm_id = $1 AND client_id = s.client_id LIMIT 1) c ON true
		LEFT JOIN LATERAL (
			SELECT name, email, email_normal FROM contacts WHERE firm_id = $1 AND contact_id = substr(s.person, 9) LIMIT 1
		) k ON s.person LIKE 'contact:%'
		LEFT JOIN LATERAL (
			SELECT version FROM access WHERE firm_id = $1 AND client_id = s.client_id AND person = s.person LIMIT 1
		) a ON true
		LEFT JOIN LATERAL (SELECT revision, email, email_normal FROM invites WHERE invite_id = s.invite_id LIMIT 1) i ON true
		ORDER BY s.client_id, s.person`, c.args...)
}

func scanPerson(row pgx.CollectableRow) (PersonStatus, error) {
	var p PersonStatus
	var login, decided *time.Time
	err := row.Scan(&p.ClientID, &p.ClientName, &p.ClientKind, &p.Person, &p.Name, &p.Email.Written, &p.Email.Normal,
		&p.Listed, &p.Primary, &p.State, &p.Reason, &p.Mail, &login, &p.InviteID, &decided, &p.Revision, &p.AccessVersion)
	p.LastLogin, p.DecidedAt = orZero(login), orZero(decided)
	return p, err
}

// PeopleCount is how many people have a state, a reason and a mail.
type PeopleCount struct {
	State  rules.StatusState
	Reason string
	Mail   rules.MailState
	Count  int
}

// CountPeople counts the people of a filter, whatever its state, reason and mail are, by those three.
func (t *Tx) CountPeople(ctx context.Context, f PeopleFilter) ([]PeopleCount, error) {
	c := f.ofOthers()
	return collect(ctx, t, "count statuses", pgx.RowToStructByPos[PeopleCount], `
		SELECT s.state, `+reasonOf+`, `+mailOf+`, count(*)::int FROM statuses s
		WHERE s.firm_id = $1`+c.sql.String()+` GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`, c.args...)
}
