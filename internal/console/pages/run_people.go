package pages

import (
	"portal-invites/internal/api"
	"portal-invites/internal/rules"
)

// peoplePage lists the recipients of a run.
type peoplePage struct {
	*frame
	Say   string
	Rows  []personRow
	Next  string
	First string // the address of the first page; "" on it
	CSV   string
}

func (f *frame) recipientsRequest() api.RecipientsRequest {
	return api.RecipientsRequest{
		RunID: f.request.PathValue("run"), Outcome: api.InviteOutcome(f.value("outcome")),
		Reason: rules.Code(f.value("reason")), Locale: string(f.Lang),
		Page: api.Page{Limit: pageSize, Cursor: f.value("cursor")},
	}
}

func (s *Site) runPeople(f *frame) (any, error) {
	r := f.recipientsRequest()
	run, err := f.findRun(r.RunID)
	if err != nil {
		return nil, err
	}
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.Recipients(ctx, f.Firm, r)
	if err != nil {
		return nil, err
	}
	path := "runs/" + run.RunID.String() + "/people"
	page := peoplePage{frame: f, CSV: f.URL(path+".csv", "outcome", string(r.Outcome), "reason", string(r.Reason))}
	for _, one := range answer.Recipients {
		page.Rows = append(page.Rows, f.recipientRow(one))
	}
	if answer.Next != "" {
		page.Next = f.URL(path, "outcome", string(r.Outcome), "reason", string(r.Reason), "cursor", answer.Next)
	}
	if r.Cursor != "" {
		page.First = f.URL(path, "outcome", string(r.Outcome), "reason", string(r.Reason))
	}
	f.Section, f.Title = "runs", f.T("people.title")
	if r.Outcome != "" {
		f.Title = f.T(string(r.Outcome))
	}
	if r.Reason != "" {
		f.Title, page.Say = f.reason(r.Reason), f.Known("reason."+string(r.Reason)+".gist", "")
	}
	f.Crumbs = []crumb{
		{f.T("runs.title"), f.URL("runs")}, {f.At(run.CreatedAt), f.URL("runs/" + run.RunID.String())}, {f.Title, ""},
	}
	return page, nil
}

// mostPages is how many pages of people a file has at most: 100,000 people.
const mostPages = 100

// runCSV is the list as a file for a spreadsheet.
func (s *Site) runCSV(f *frame) (any, error) {
	r := f.recipientsRequest()
	r.Limit = api.MaxLimit
	file := download{name: "people.csv", head: f.csvHead(
		"client", "client_id", "person", "contact_id", "email", "outcome", "reason", "why", "todo", "record",
	)}
	for range mostPages {
		ctx, cancel := f.patiently()
		answer, err := f.client.Recipients(ctx, f.Firm, r)
		cancel()
		if err != nil {
			return nil, err
		}
		for _, one := range answer.Recipients {
			file.rows = append(file.rows, f.csvRow(one))
		}
		if r.Cursor = answer.Next; r.Cursor == "" {
			break
		}
	}
	return file, nil
}

func (f *frame) csvHead(names ...string) (head []string) {
	for _, name := range names {
		head = append(head, f.T("csv."+name))
	}
	return head
}

func (f *frame) csvRow(r api.RunRecipient) []string {
	var reason, why, todo string
	if r.Reason != "" {
		reason = f.reason(r.Reason)
	}
	if len(r.Reasons) > 0 {
		why, todo = r.Reasons[0].Explanation, r.Reasons[0].Remedy
	}
	if r.Failure != nil {
		why, todo = r.Failure.Explanation, r.Failure.Remedy
	}
	return []string{
		r.ClientName, r.ClientID, r.Recipient.Name, r.Recipient.ContactID, r.Recipient.EmailMasked, f.T(string(r.Outcome)),
		reason, why, todo, f.Record(r.ClientID),
	}
}
