package pages

import (
	"cmp"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"portal-invites/internal/api"
	"portal-invites/internal/rules"
)

// group is a reason with the people whom it left out.
type group struct {
	ID, Count, Label, Gist string
	Open                   bool
	Rows                   []personRow
	All                    string // the address of the whole list; "" if Rows has all
	ShowAll                string
	More                   string // how many more there are, where no page lists them
}

// personRow is a person in a list, with why, and what to do.
type personRow struct {
	Name, Path string
	Client     string
	Why        []rules.Reason
	Said       string // the mail server's words
	Record     string // the address of the client in the firm's own software
}

// atMost is how many people a group shows before it leads to the list of all.
const atMost = 5

// Person is the address of a person's page: of a contact on a client, or of the recipient of an invite.
func (f *frame) personPath(client, contact, invite string) string {
	if contact != "" {
		return f.URL("person", "client", client, "contact", contact)
	}
	return f.URL("person", "invite", invite)
}

// nameOf is what a person is called: a contact without a name by their id, and a client without contacts by its own.
func (f *frame) nameOf(p api.Person) string {
	return cmp.Or(p.Name, p.EmailMasked, p.ContactID, f.T("nobody"))
}

func (f *frame) recipientRow(r api.RunRecipient) personRow {
	row := personRow{
		Name: f.nameOf(r.Recipient), Client: cmp.Or(r.ClientName, r.ClientID), Why: r.Reasons, Record: f.Record(r.ClientID),
		Path: f.personPath(r.ClientID, r.Recipient.ContactID, r.InviteID.String()),
	}
	if r.Failure != nil {
		row.Why = []rules.Reason{{Explanation: r.Failure.Explanation, Remedy: r.Failure.Remedy}}
	}
	return row
}

// reasonsInOrder lists the reasons of a run: those that can be put right first, then by how many they left out, then in
// the order of the rules.
func reasonsInOrder(byReason, fixable map[rules.Code]int) []rules.Code {
	order := make(map[rules.Code]int)
	for i, code := range rules.Codes() {
		order[code] = i
	}
	codes := slices.Collect(maps.Keys(byReason))
	slices.SortFunc(codes, func(a, b rules.Code) int {
		settled := func(c rules.Code) int {
			if fixable[c] == 0 {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(settled(a), settled(b)), cmp.Compare(byReason[b], byReason[a]),
			cmp.Compare(order[a], order[b]))
	})
	return codes
}

// groupsOf asks for the first people of each reason, several reasons at a time.
func (f *frame) groupsOf(r api.Run) ([]group, error) {
	codes := reasonsInOrder(r.ByReason, r.Fixable)
	groups := make([]group, len(codes))
	ctx, cancel := f.patiently()
	defer cancel()
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(3) // as many as the services answer at once for one firm
	for i, code := range codes {
		asking.Go(func() error {
			answer, err := f.client.Recipients(ctx, f.Firm, api.RecipientsRequest{
				RunID: r.RunID.String(), Outcome: api.SkippedOutcome, Reason: code, Locale: string(f.Lang),
				Page: api.Page{Limit: atMost},
			})
			if err != nil {
				return err
			}
			groups[i] = f.group(code, r.ByReason[code])
			if answer.Next != "" {
				groups[i].All = f.URL("runs/"+r.RunID.String()+"/people", "outcome", "skipped", "reason", string(code))
			}
			for _, recipient := range answer.Recipients {
				groups[i].Rows = append(groups[i].Rows, f.recipientRow(recipient))
			}
			return nil
		})
	}
	if err := asking.Wait(); err != nil {
		return nil, err
	}
	return groups, nil
}

func (f *frame) group(code rules.Code, count int) group {
	return group{
		ID: string(code), Count: f.Num(count), Label: f.reason(code), Gist: f.Known("reason."+string(code)+".gist", ""),
		ShowAll: f.T("showall", "n", f.Num(count)),
	}
}

// reason is the short label of a reason.
func (f *frame) reason(code rules.Code) string { return f.Known("reason."+string(code), string(code)) }
