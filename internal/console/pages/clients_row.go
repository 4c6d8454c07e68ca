package pages

import (
	"cmp"
	"maps"
	"slices"

	"portal-invites/internal/api"
	"portal-invites/internal/rules"
)

// listRow is a person on a client in the list.
type listRow struct {
	Key                string // names both in a form; "" for somebody who is no contact
	At                 int    // its place among those that can be ticked
	Name, Path         string
	Nobody             bool // the client has no contacts
	Role, Email        string
	Client, ClientPath string
	Kind               string
	Shape              status
	Since              string
	Why, Todo          string
	Record             string
}

func (f *frame) listRow(p api.PersonStatus) listRow {
	row := listRow{
		Name: f.nameOf(p.Person), Email: p.Person.EmailMasked, Client: cmp.Or(p.ClientName, p.ClientID),
		ClientPath: f.URL("client", "client", p.ClientID), Kind: f.kind(p.ClientKind),
		Shape: f.stateShape(p.State, cmp.Or(p.Reason, p.Mail)), Since: f.since(p),
	}
	switch {
	case p.Person.ContactID != "":
		row.Path, row.Role = f.personPath(p.ClientID, p.Person.ContactID, ""), f.role(p)
		row.Key = keyOf(p.ClientID, p.Person.ContactID)
	case p.InviteID != nil:
		row.Path = f.personPath("", "", p.InviteID.String())
		row.Role = f.T("clients.role.guest")
	}
	if row.Nobody = p.Person == (api.Person{}); row.Nobody {
		row.Name, row.Path, row.Role = f.T("reason.client_has_no_contacts"), "", ""
	}
	switch {
	case len(p.Reasons) > 0:
		row.Why, row.Todo = f.reason(p.Reasons[0].Code), p.Reasons[0].Remedy
	case p.Failure != nil:
		row.Why, row.Todo = p.Failure.Explanation, p.Failure.Remedy
	}
	if row.Todo != "" {
		row.Record = f.Record(p.ClientID)
	}
	return row
}

func (f *frame) kind(kind string) string {
	if kind == "" {
		return ""
	}
	return f.Known("clients.kind."+kind, kind)
}

func (f *frame) role(p api.PersonStatus) string {
	switch {
	case p.Primary:
		return f.T("clients.role.primary")
	case p.Listed:
		return f.T("clients.role.other")
	default:
		return f.T("clients.role.gone")
	}
}

// stateShape is the shape and the word for a state of the list. detail is the reason of a skip, or what is known about
// the mail.
func (f *frame) stateShape(state, detail string) status {
	is := func(icon, tone string) status { return status{icon, f.T("status." + icon), tone} }
	switch {
	case state == "never_asked":
		return is("none", "soft")
	case state == "not_sent" && detail == failedReason, detail == "bounced" && state != "active":
		return is("bounced", "bad")
	case state == "not_sent":
		return is("notsent", "warn")
	case state == "queued":
		return is("wait", "")
	case state == "invited" && detail == "delivered":
		return is("delivered", "")
	case state == "invited":
		return is("invited", "")
	case state == "active":
		return is("active", "ok")
	case state == "expired":
		return is("expired", "warn")
	case state == "removed":
		return is("removed", "soft")
	case state == "declined":
		return is("declined", "soft")
	}
	return status{"none", state, "soft"} // a newer worker knows more
}

// since says since when the state stands.
func (f *frame) since(p api.PersonStatus) string {
	switch {
	case p.State == "active" && !p.LastLogin.IsZero():
		return f.T("clients.login", "when", f.When(p.LastLogin))
	case p.DecidedAt.IsZero() || p.State == "active" || p.State == "removed" || p.State == "declined":
		return ""
	case p.State == "queued":
		return f.T("clients.since", "when", f.When(p.DecidedAt))
	case p.State == "expired":
		return f.T("clients.invited", "when", f.When(p.DecidedAt))
	default:
		return f.T("clients.on", "when", f.When(p.DecidedAt))
	}
}

// failedReason stands in the place of a reason for mails that failed for good.
const failedReason = "failed"

// listReason is the short label of a reason in the list.
func (f *frame) listReason(reason string) string {
	if reason == failedReason {
		return f.T("status.bounced")
	}
	return f.reason(rules.Code(reason))
}

func has(counts map[string]int, key string) bool {
	_, is := counts[key]
	return is
}

func sortedKeys(counts map[string]int) []string { return slices.Sorted(maps.Keys(counts)) }

// mostFirst are the keys of counts that are not 0, the largest first.
func mostFirst(counts map[string]int) []string {
	keys := slices.DeleteFunc(sortedKeys(counts), func(key string) bool { return counts[key] == 0 })
	slices.SortStableFunc(keys, func(a, b string) int { return cmp.Compare(counts[b], counts[a]) })
	return keys
}
