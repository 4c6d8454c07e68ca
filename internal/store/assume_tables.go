package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// jsonRow is a row as JSON, by the names of its columns. Columns that no explanation reads may be left out.
type jsonRow map[string]any

// assumedTables makes the rows of what facts say. They are newer than every fact that was published.
func (t *Tx) assumedTables(ctx context.Context, firmID string, facts *Facts) (list []assumedTable, err error) {
	var causes []string
	suppressions := rowsOf(facts.suppressions, func(about thing, f suppressionFact) jsonRow {
		causes = append(causes, about.id)
		return jsonRow{"email": f.email, "cause": f.cause, "lifted": f.lifted}
	})
	for _, of := range []struct {
		table, keys string // keys is a condition: the row is about one of the ids ($2)
		ids         []string
		rows        []jsonRow
	}{
		{"firms", `$2::text[] <> '{}'`, idsOf(facts.firms), rowsOf(facts.firms, firmRow)},
		{"clients", `client_id = ANY ($2)`, idsOf(facts.clients), rowsOf(facts.clients, clientRow)},
		{"contacts", `contact_id = ANY ($2)`, idsOf(facts.contacts), rowsOf(facts.contacts, contactRow)},
		{"templates", `template_id = ANY ($2)`, idsOf(facts.templates), rowsOf(facts.templates, templateRow)},
		{"suppressions", `email || ' ' || cause = ANY ($2)`, causes, suppressions},
	} {
		if len(of.rows) == 0 {
			continue
		}
		a := assumedTable{name: of.table}
		a.hidden, err = collect(ctx, t, "find what facts would replace", pgx.RowTo[string],
			`SELECT ctid::text FROM `+of.table+` WHERE firm_id = $1 AND `+of.keys, firmID, of.ids)
		if err == nil {
			a.rows, err = json.Marshal(of.rows)
		}
		if err != nil {
			return nil, fmt.Errorf("assume facts: %w", err)
		}
		list = append(list, a)
	}
	return list, nil
}

func idsOf[T any](facts latest[T]) (ids []string) {
	for about := range facts {
		ids = append(ids, about.id)
	}
	return ids
}

func rowsOf[T any](facts latest[T], row func(thing, T) jsonRow) (rows []jsonRow) {
	for about, fact := range facts {
		r := row(about, fact.fact)
		r["firm_id"], r["stream"], r["sequence"] = about.firmID, fact.at.Stream, fact.at.Sequence
		rows = append(rows, r)
	}
	return rows
}

func firmRow(_ thing, f rules.Firm) jsonRow {
	return jsonRow{
		"name": f.Name, "portal_url": f.PortalURL, "reply_to": f.ReplyTo, "logo_url": f.LogoURL, "color": f.Color,
		"locale": f.Locale, "licenses": f.Licenses, "time_zone": zoneName(f.Zone), "sender": f.Sender,
		"left_out": lines(f.LeftOut), "send_hours": hoursText(f.Hours), "office_locale": f.OfficeLocale,
		"invite_again": f.InviteAgain, "decline": f.Declines, "limits": f.Limits,
	}
}

func clientRow(about thing, c clientFact) jsonRow {
	return jsonRow{
		"client_id": about.id, "kind": c.Kind, "name": c.Name, "active": c.Active, "removed": c.removed,
		"contact_ids": append([]string{}, c.contactIDs()...),
		"primaries":   append([]bool{}, column(c.Contacts, func(on rules.ClientContact) bool { return on.Primary })...),
	}
}

func contactRow(about thing, c contactFact) jsonRow {
	return jsonRow{
		"contact_id": about.id, "name": c.Name, "email": c.Email.Written, "email_normal": c.Email.Normal,
		"locale": c.Locale, "removed": c.removed, "left_out": lines(c.LeftOut),
	}
}

func templateRow(about thing, t templateFact) jsonRow {
	return jsonRow{"template_id": about.id, "name": t.name, "body": t.body, "removed": t.removed}
}
