package ctl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/sheet"
)

// statusesCmd lists what stands for the people of a firm.
type statusesCmd struct {
	service
	State       string `placeholder:"STATE" help:"Only this state: never_asked, not_sent, queued, invited, active, expired, declined or removed."`
	Reason      string `placeholder:"CODE" help:"Only those to whom nothing was sent for this reason; failed for mails that failed."`
	Mail        string `placeholder:"MAIL" help:"Only those whose newest mail is delivered, bounced or unknown."`
	NoPortal    bool   `help:"Only on clients where nobody was ever sent an invite."`
	Client      string `placeholder:"ID" help:"Only on this client."`
	Kind        string `placeholder:"KIND" help:"Only on clients of this kind: individual or business."`
	Primary     bool   `xor:"primary" help:"Only Primary contacts."`
	NotPrimary  bool   `xor:"primary" help:"Only people who are not Primary."`
	LoginAfter  moment `placeholder:"2h|TIME" help:"Only whose last login was then or later."`
	LoginBefore moment `placeholder:"2h|TIME" help:"Only whose last login was before that."`
	Text        string `placeholder:"TEXT" help:"Only where the person's or the client's name has this text."`
	Email       string `placeholder:"EMAIL" help:"Only who has this email, or logs in with it."`

	CountOnly bool   `help:"Only count them."`
	Output    string `short:"o" enum:"table,json,csv" default:"table" help:"table, json with one object a line, or csv."`
}

// Validate is called by kong once the flags are read.
func (c *statusesCmd) Validate() error {
	errs := []error{checkFirm(c.Firm)}
	if c.CountOnly && c.Output == outputCSV {
		errs = append(errs, errors.New("--count-only: can't be combined with -o csv, which has a row for each person"))
	}
	return errors.Join(errs...)
}

func (c *statusesCmd) request() api.StatusesRequest {
	r := api.StatusesRequest{
		ClientID: c.Client, State: c.State, Reason: c.Reason, Mail: c.Mail, NoPortal: c.NoPortal, Kind: c.Kind,
		LoginAfter: c.LoginAfter.Time, LoginBefore: c.LoginBefore.Time, Text: c.Text, Email: c.Email,
		Page: api.Page{Limit: api.MaxLimit},
	}
	if c.Primary || c.NotPrimary {
		r.Primary = &c.Primary
	}
	if c.CountOnly {
		r.Limit = 1
	}
	return r
}

// Run asks, and prints the answer.
func (c *statusesCmd) Run(ctx context.Context, s app.Streams) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	request := c.request()
	var counts api.StatusCounts
	var people []api.PersonStatus
	var behind api.Freshness
	err = allPages(ctx, func(cursor string) (string, error) {
		request.Cursor = cursor
		page, err := conn.Statuses(ctx, conn.firm, request)
		if page.Counts != nil {
			counts = *page.Counts
		}
		if c.CountOnly {
			return "", err
		}
		people = append(people, page.People...)
		if !page.FactsBehind.IsZero() {
			behind = page.Freshness
		}
		return page.Next, err
	})
	if err != nil {
		return conn.explainError(ctx, err)
	}
	if counts.People == 0 {
		if err := conn.firmUnknown(ctx); err != nil {
			return err
		}
	}
	warnIfBehind(s.Err, behind)
	return c.print(s.Out, counts, people)
}

func (c *statusesCmd) print(w io.Writer, counts api.StatusCounts, people []api.PersonStatus) error {
	switch {
	case c.Output == outputJSON && c.CountOnly:
		return printJSON(w, counts)
	case c.Output == outputJSON:
		for _, p := range people {
			if err := printJSON(w, p); err != nil {
				return err
			}
		}
		return nil
	case c.Output == outputCSV:
		return writePeople(w, people)
	}
	printCounts(w, counts)
	rows := table{head: []string{"CLIENT", "PERSON", "STATE", "MAIL", "LAST LOGIN (UTC)"}}
	for _, p := range people {
		rows.add(called(p.ClientID, p.ClientName), personCalled(p.Person), strings.TrimSuffix(p.State+": "+p.Reason, ": "),
			known(p.Mail), shown(p.LastLogin))
	}
	if len(people) > 0 {
		fmt.Fprintln(w)
	}
	rows.write(w)
	return nil
}

// known is what reports say of a mail; nothing where they say neither.
func known(mail string) string {
	if mail == "unknown" {
		return ""
	}
	return mail
}

// printCounts prints how many people there are, by state, by reason and by mail.
func printCounts(w io.Writer, counts api.StatusCounts) {
	fmt.Fprintln(w, people(counts.People)+".")
	fields{
		{"by state", listCounts(counts.ByState)},
		{"not sent", listCounts(counts.ByReason)},
		{"by mail", listCounts(counts.ByMail)},
	}.write(w)
}

// listCounts lists the counts above 0, the largest first.
func listCounts(counts map[string]int) string {
	var list []string
	for _, name := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	}) {
		if counts[name] > 0 {
			list = append(list, strconv.Itoa(counts[name])+" "+name)
		}
	}
	return strings.Join(list, ", ")
}

func people(n int) string {
	if n == 1 {
		return "1 person"
	}
	return strconv.Itoa(n) + " people"
}

// writePeople writes a row for each person on a client.
func writePeople(w io.Writer, people []api.PersonStatus) error {
	list := sheet.New(w, "client_id", "client_name", "client_kind", "contact_id", "name", "email", "listed", "primary",
		"state", "reason", "mail", "last_login")
	for _, p := range people {
		login := ""
		if !p.LastLogin.IsZero() {
			login = p.LastLogin.Format(time.RFC3339)
		}
		list.Row(p.ClientID, p.ClientName, p.ClientKind, p.Person.ContactID, p.Person.Name, p.Person.EmailMasked,
			strconv.FormatBool(p.Listed), strconv.FormatBool(p.Primary), p.State, p.Reason, p.Mail, login)
	}
	return list.Close()
}
