package ctl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// explainCmd asks who would be sent an invite, and why the others would not.
type explainCmd struct {
	service
	assumption

	Client  []string `sep:"none" placeholder:"ID" group:"Named people" help:"The client. Without --contact and --email it is a bulk invite of this client, and may be given several times."`
	Contact []string `sep:"none" placeholder:"ID" group:"Named people" help:"Contacts that are invited to the portal of --client."`
	Email   string   `placeholder:"EMAIL" group:"Named people" help:"Another person who is invited to it; needs --name."`
	Name    string   `placeholder:"NAME" group:"Named people" help:"The name of that person."`
	Process string   `xor:"process" placeholder:"client-record" group:"Named people" help:"What they are invited with: client-record (the default), file, esign, request, survey, or resend."`
	Type    string   `placeholder:"TYPE" xor:"process" group:"Named people" help:"The same by the event's type, for example FileShared."`

	AllClients bool   `group:"In bulk" help:"Every active client."`
	Kind       string `enum:",individual,business" default:"" placeholder:"business" group:"In bulk" help:"With --all-clients: only individual, or only business."`
	Mode       string `enum:"invite,resend" default:"invite" placeholder:"invite" group:"In bulk" help:"invite or resend."`
	To         string `enum:",invited,active,all" default:"" placeholder:"invited" group:"In bulk" help:"Whom a resend is for: invited, active or all."`

	Plan bool `group:"In bulk" help:"Also remember for a day who would be sent a mail, and print the id. A BulkInviteRequested with that id in plan mails these people, or pauses."`

	Template string        `placeholder:"ID" help:"The message template that the request would name."`
	Timeout  time.Duration `default:"30s" placeholder:"30s" help:"Ask again for that long while facts of the firm are not applied yet; then show what is known, with a warning."`
	All      bool          `help:"Also list the people who would be sent a mail, and those with nothing to fix."`
	Locale   string        `placeholder:"TAG" help:"The language of explanations and remedies, for example es; English if not given."`
	Output   string        `short:"o" enum:"table,json,csv" default:"table" help:"table, json, or csv with a row for each thing to fix."`
}

// processFlag is the value of --process for a request that names people: resend, or the process of the request.
func processFlag(t events.Type) (string, error) {
	kind, err := t.Kind()
	if err != nil || kind == rules.Resend {
		return string(kind), err
	}
	process, err := t.Process()
	return strings.ReplaceAll(string(process), "_", "-"), err
}

// invitesByName are the requests that invite people by name.
func invitesByName() []events.Type {
	return slices.DeleteFunc(events.InvitingTypes(), func(t events.Type) bool { return !t.NamesPeople() })
}

// named says whether people are named. Otherwise the flags select in bulk.
func (c *explainCmd) named() bool { return len(c.Contact) > 0 || c.Email != "" }

// Validate is called by kong once the flags are read.
func (c *explainCmd) Validate() error {
	if err := checkFirm(c.Firm); err != nil {
		return err
	}
	if c.Timeout <= 0 {
		return errTimeout
	}
	if c.named() {
		return errors.Join(c.checkNamed(), c.checkType())
	}
	return c.checkBulk()
}

func (c *explainCmd) checkNamed() error {
	switch {
	case c.AllClients:
		return errAllClients
	case len(c.Client) == 0:
		return errors.New("--client: missing")
	case len(c.Client) > 1:
		return errors.New("--client: with --contact or --email it can be given only once")
	case c.Kind != "":
		return errKind
	case c.Mode != string(rules.Invite):
		return errors.New("--mode is for bulk invites; for named people use --process resend")
	case c.Plan:
		return errors.New("--plan is for bulk invites; give it with --client or --all-clients alone")
	case c.To != "":
		return errors.New("--to is for bulk resends; give it with --mode resend and --client or --all-clients")
	case (c.Email == "") != (c.Name == ""):
		return errors.New("--email and --name go together")
	}
	return nil
}

func (c *explainCmd) checkBulk() error {
	switch {
	case c.AllClients && len(c.Client) > 0:
		return errAllClients
	case c.Kind != "" && !c.AllClients:
		return errKind
	case !c.AllClients && len(c.Client) == 0:
		return errors.New("--client: missing (or --all-clients)")
	case c.Process != "" || c.Type != "":
		return errors.New("--process and --type need --contact or --email: without those it is a bulk invite")
	case c.Name != "":
		return errors.New("--email and --name go together")
	case c.Plan && c.Assume != "":
		return errors.New("--plan can't be combined with --assume: a plan is made of what is published")
	}
	return nil
}

var (
	errAllClients = errors.New("--all-clients can't be combined with --client, --contact or --email")
	errKind       = errors.New("--kind needs --all-clients")
)

func (c *explainCmd) checkType() error {
	_, err := c.asked()
	return err
}

// asked is the type of the request that --type or --process names.
func (c *explainCmd) asked() (events.Type, error) {
	if c.Type == "" && c.Process == "" {
		return events.InviteRequested, nil
	}
	var known []string
	for _, t := range invitesByName() {
		flag, err := processFlag(t)
		switch {
		case err != nil:
			return "", err
		case c.Type == string(t) || c.Process == flag:
			return t, nil
		}
		known = append(known, flag)
	}
	if c.Type != "" {
		return "", fmt.Errorf("--type: %q invites nobody by name (example: %s)", c.Type, events.FileShared)
	}
	return "", fmt.Errorf("--process: must be one of %s", strings.Join(known, ", "))
}

func (c *explainCmd) request() (api.ExplainRequest, error) {
	r := api.ExplainRequest{Locale: c.Locale}
	var err error
	if r.Assume, err = c.assumed(); err != nil {
		return r, err
	}
	if c.Template != "" {
		r.Message = &events.Message{TemplateID: c.Template}
	}
	if !c.named() {
		r.Type, r.Mode, r.To, r.Plan = events.BulkInviteRequested, c.Mode, c.To, c.Plan
		r.Selection = &events.Selection{AllClients: c.AllClients, Kind: c.Kind, ClientIDs: c.Client}
		if c.Output != outputJSON && !c.All {
			r.Only = api.OnlySkip
		}
		return r, nil
	}
	if r.Type, err = c.asked(); err != nil {
		return r, err
	}
	r.ClientID = c.Client[0]
	for _, id := range c.Contact {
		r.Recipients = append(r.Recipients, events.Recipient{ContactID: id})
	}
	if c.Email != "" {
		r.Recipients = append(r.Recipients, events.Recipient{Email: c.Email, Name: c.Name})
	}
	return r, nil
}

// Run asks, and prints the answer.
func (c *explainCmd) Run(ctx context.Context, s app.Streams) error {
	request, err := c.request()
	if err != nil {
		return app.UsageError{Err: err}
	}
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	answer, err := conn.explain(ctx, request, c.Timeout)
	if err != nil {
		return err
	}
	if answer.Totals.Selected == 0 {
		if err := conn.firmUnknown(ctx); err != nil {
			return err
		}
	}
	// If people are named they are few, so those who would be invited are listed, too.
	return errors.Join(answer.show(s, c.Output, c.sentence(answer.Totals), c.All || c.named()),
		conn.unknownIn(answer.Recipients))
}

func (c *explainCmd) resends() bool {
	if c.Mode == string(rules.Resend) {
		return true
	}
	t, err := c.asked()
	if err != nil {
		return false
	}
	kind, err := t.Kind()
	return err == nil && kind == rules.Resend
}

// sentence is the answer in short: "Of 412 contacts 371 would be invited; 30 are not Primary, 11 have no email".
func (c *explainCmd) sentence(t api.ExplainTotals) string {
	if t.Selected == 0 {
		return fmt.Sprintf("Nobody is selected: firm %s has no such client.", c.Firm)
	}
	verb := "invited"
	if c.resends() {
		verb = "sent their invite again"
	}
	text := fmt.Sprintf("Of %s %d would be %s", count(t.Selected, "contact"), t.WouldSend, verb)
	if t.WouldSkip > 0 {
		text += "; " + enumerate(t.ByReason)
	}
	return text + "."
}
