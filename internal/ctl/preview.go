package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// previewCmd shows a mail as it would be sent.
type previewCmd struct {
	service
	File string `arg:"" optional:"" placeholder:"FILE|-" help:"The request: a CloudEvent as JSON, or with --type the data of one; - for standard input. Left out: the flags describe it."`
	Type string `placeholder:"TYPE" help:"The request's type, for example FileShared; InviteRequested if there is no file."`

	Client  string `placeholder:"ID" group:"The request" help:"The client; with a file that is a bulk request: the one whose mail is shown."`
	Contact string `placeholder:"ID" group:"The request" help:"The contact; with a file: the one of its recipients whose mail is shown."`
	Email   string `placeholder:"EMAIL" group:"The request" help:"Another person instead; without a file it needs --name."`
	Name    string `placeholder:"NAME" group:"The request" help:"The name of that person."`
	Title   string `placeholder:"TEXT" group:"The request" help:"What is shared or asked for: the file's name, or the title of the eSign request, the request or the survey."`
	Message string `xor:"message" placeholder:"TEXT" group:"The request" help:"The personal message."`
	Templ   string `name:"template" xor:"message" placeholder:"ID" group:"The request" help:"The message template instead."`
	From    string `name:"requested-by" placeholder:"NAME" group:"The request" help:"Who asks for it; your login at this machine if not given."`

	Out  string `short:"O" placeholder:"FILE" help:"Write the mail to a file: .html and .txt one part of it, .eml all of it. Without it, the text part is printed."`
	Open bool   `help:"Show the HTML part in the browser."`

	Output string `short:"o" enum:"text,json" default:"text" help:"text, or json with both parts."`
}

// Validate is called by kong once the flags are read.
func (c *previewCmd) Validate() error {
	if err := checkFirm(c.Firm); err != nil {
		return err
	}
	if end := filepath.Ext(c.Out); c.Out != "" && !slices.Contains([]string{".html", ".txt", ".eml"}, end) {
		return errors.New("--out: must end in .html, .txt or .eml")
	}
	if c.Contact != "" && c.Email != "" {
		return errors.New("--contact and --email can't be combined")
	}
	if c.File != "" {
		if c.Title+c.Message+c.Templ+c.From+c.Name != "" {
			return errors.New("--name, --title, --message, --template and --requested-by describe a request; " +
				"they can't be combined with a file that has one")
		}
		return nil
	}
	switch {
	case c.Client == "":
		return errors.New("--client: missing (or a file with the request)")
	case c.Contact == "" && c.Email == "":
		return errors.New("--contact: missing (or --email with --name, or a file with the request)")
	case (c.Email == "") != (c.Name == ""):
		return errors.New("--email and --name go together")
	}
	return nil
}

// Run asks for the mail and prints, writes or opens it.
func (c *previewCmd) Run(ctx context.Context, s app.Streams) error {
	request, err := c.request(s.In)
	if err != nil {
		return err
	}
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	mail, err := conn.Preview(ctx, conn.firm, request)
	if err != nil {
		return conn.explainError(ctx, err)
	}
	if c.Output != outputJSON {
		warnIfBehind(s.Err, mail.Freshness)
	}
	if !mail.WouldSend && c.Output != outputJSON {
		say(s.Err, "", "This mail would not be sent: %s", because(mail.Reasons))
	}
	if c.Out != "" {
		if err := writeMail(c.Out, mail); err != nil {
			return err
		}
		fmt.Fprintf(s.Err, "Wrote %s.\n", c.Out)
	}
	if c.Open {
		if err := openMail(ctx, c.Out, mail); err != nil {
			return err
		}
	}
	switch {
	case c.Output == outputJSON:
		return printJSON(s.Out, mail)
	case c.Out == "" && !c.Open:
		printMail(s.Out, mail)
	}
	return nil
}

func (c *previewCmd) request(in io.Reader) (api.PreviewRequest, error) {
	if c.File != "" {
		return c.fromFile(in)
	}
	request := api.PreviewRequest{Type: events.InviteRequested}
	if c.Type != "" {
		request.Type = events.Type(c.Type)
	}
	if request.Type == events.BulkInviteRequested {
		return c.bulk()
	}
	data := events.Request{
		ClientID:    c.Client,
		Recipients:  []events.Recipient{{ContactID: c.Contact, Email: c.Email, Name: c.Name}},
		RequestedBy: requester(c.From),
	}
	data.Message = c.message()
	title := c.Title
	if title == "" {
		title = "(title)"
	}
	if request.Type.ItemField() == "" && c.Title != "" {
		return request, app.Usagef("--title: %s has none (example: --type %s)", request.Type, events.FileShared)
	}
	data.PutItem(request.Type, "preview", title)
	var err error
	if request.Data, err = json.Marshal(data); err != nil {
		return request, fmt.Errorf("encode the request: %w", err)
	}
	return request, nil
}

func (c *previewCmd) message() *events.Message {
	if c.Message == "" && c.Templ == "" {
		return nil
	}
	return &events.Message{Text: c.Message, TemplateID: c.Templ}
}

func (c *previewCmd) bulk() (api.PreviewRequest, error) {
	if c.Contact == "" || c.Title != "" {
		return api.PreviewRequest{}, app.Usagef("--type: %s needs --contact, and has no --title", events.BulkInviteRequested)
	}
	data, err := json.Marshal(events.BulkRequest{
		Mode: string(rules.Invite), Selection: events.Selection{ClientIDs: []string{c.Client}},
		Message: c.message(), RequestedBy: requester(c.From),
	})
	if err != nil {
		return api.PreviewRequest{}, fmt.Errorf("encode the request: %w", err)
	}
	return api.PreviewRequest{Type: events.BulkInviteRequested, Data: data, ClientID: c.Client, ContactID: c.Contact}, nil
}

// maxRequest, in bytes, is the broker's default limit for one message.
const maxRequest = 1 << 20

func (c *previewCmd) fromFile(in io.Reader) (api.PreviewRequest, error) {
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return api.PreviewRequest{}, app.UsageError{Err: err}
		}
		defer func() { _ = file.Close() }() // it was only read, so nothing is lost
		in = file
	}
	content, err := io.ReadAll(io.LimitReader(in, maxRequest+1))
	if err != nil {
		return api.PreviewRequest{}, fmt.Errorf("read the request: %w", err)
	}
	if len(content) > maxRequest {
		return api.PreviewRequest{}, app.Usagef("%s: is larger than 1 MB", c.File)
	}
	var event struct {
		SpecVersion string          `json:"specversion"`
		Type        string          `json:"type"`
		Data        json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(content, &event); err != nil {
		return api.PreviewRequest{}, app.Usagef("%s: is not a JSON object: %w", c.File, err)
	}
	request := api.PreviewRequest{
		Type: events.Type(c.Type), Data: content, ClientID: c.Client, ContactID: c.Contact, Email: c.Email,
	}
	if event.SpecVersion != "" {
		request.Data = event.Data
		if c.Type == "" {
			request.Type = events.TypeOfCE(event.Type)
		}
	}
	if request.Type == "" {
		return request, app.Usagef("--type: missing: %s does not say which request it is (example: %s)", c.File,
			events.FileShared)
	}
	return request, nil
}

// printMail prints the text part as a mail program would show it.
func printMail(w io.Writer, mail api.PreviewAnswer) {
	fmt.Fprintf(w, "From:    %s\nTo:      %s\n", printable(mail.FromName),
		printable(strings.TrimSpace(mail.Recipient.Name+" "+mail.Recipient.EmailMasked)))
	if mail.ReplyTo != "" {
		fmt.Fprintf(w, "Reply:   %s\n", printable(mail.ReplyTo))
	}
	fmt.Fprintf(w, "Subject: %s\n\n", printable(mail.Subject))
	for row := range strings.Lines(strings.TrimSpace(mail.Text)) {
		row = printable(strings.TrimRight(row, "\r\n"))
		if runewidth.StringWidth(row) > widthOf(w) {
			say(w, "", "%s", row)
			continue
		}
		fmt.Fprintln(w, row) // keep its layout
	}
}

func writeMail(path string, mail api.PreviewAnswer) error {
	var content []byte
	switch filepath.Ext(path) {
	case ".html":
		content = []byte(mail.HTML)
	case ".txt":
		content = []byte(mail.Text)
	default:
		var all bytes.Buffer
		if err := writeEML(&all, mail); err != nil {
			return err
		}
		content = all.Bytes()
	}
	if err := os.WriteFile(path, content, 0o600); err != nil { // it names a client
		return fmt.Errorf("write the mail: %w", err)
	}
	return nil
}

// openMail shows the HTML part in the browser. It takes the file the part was written to, or else writes a temporary
// file. That file is not deleted, since the browser may read it later.
func openMail(ctx context.Context, written string, mail api.PreviewAnswer) error {
	path := written
	if filepath.Ext(path) != ".html" {
		file, err := os.CreateTemp("", "invite-preview-*.html")
		if err != nil {
			return fmt.Errorf("write the mail: %w", err)
		}
		path = file.Name()
		_, err = file.WriteString(mail.HTML)
		if err := errors.Join(err, file.Close()); err != nil {
			return fmt.Errorf("write the mail: %w", err)
		}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("open the browser: %w", err)
	}
	opener := "xdg-open"
	if runtime.GOOS == "darwin" {
		opener = "open"
	}
	if err := exec.CommandContext(ctx, opener, path).Run(); err != nil {
		return fmt.Errorf("open %s in a browser with %s: %w", path, opener, err)
	}
	return nil
}
