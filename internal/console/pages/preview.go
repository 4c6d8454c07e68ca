package pages

import (
	"strings"

	"golang.org/x/sync/errgroup"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/mergefield"
)

// previewPage shows every mail that can leave in the firm's name.
type previewPage struct {
	*frame
	Client, Contact string
	Template        string
	Templates       []api.Template
	Ways            []way
	Shown           *way
	From, Answers   string
	Mail            string
	Refused         string
}

// way is a way to invite, with the subject of its mail.
type way struct {
	Name, Subject, Path string
	Chosen              bool

	typ    events.Type
	answer api.PreviewAnswer
}

// ways are the requests that send invites.
func (f *frame) ways() (list []way) {
	for _, t := range events.InvitingTypes() {
		list = append(list, way{Name: f.Known("way."+string(t), string(t)), typ: t})
	}
	return list
}

func (s *Site) preview(f *frame) (any, error) {
	f.Section, f.Title = "preview", f.T("nav.preview")
	page := previewPage{frame: f, Client: f.text("client"), Contact: f.text("contact"), Template: f.value("template")}
	var err error
	if page.Templates, err = f.templates(); err != nil || page.Client == "" || page.Contact == "" {
		return page, err
	}
	page.Ways = f.ways()
	err = page.compose()
	if isNotFound(err) || badID(err) == errNoPage { //nolint:errorlint // it returns just that
		page.Refused, page.Ways = err.Error(), nil
		return page, nil
	}
	return page, err
}

// compose has each mail composed, and chooses the one that is shown.
func (p *previewPage) compose() error {
	ctx, cancel := p.patiently()
	defer cancel()
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(3)
	for i := range p.Ways {
		w := &p.Ways[i]
		request, err := p.previewOf(w.typ)
		if err != nil {
			return err
		}
		asking.Go(func() (err error) {
			w.answer, err = p.client.Preview(ctx, p.Firm, request)
			w.Subject = w.answer.Subject
			return err
		})
	}
	if err := asking.Wait(); err != nil {
		return err
	}
	chosen := events.Type(p.value("type"))
	for i := range p.Ways {
		w := &p.Ways[i]
		w.Path = p.URL("preview", "client", p.Client, "contact", p.Contact, "template", p.Template, "type", string(w.typ))
		if w.typ == chosen || chosen == "" && i == 0 {
			w.Chosen, p.Shown = true, w
		}
	}
	if p.Shown == nil {
		return errNoPage
	}
	p.From, p.Answers = p.Shown.answer.FromName, p.Shown.answer.ReplyTo
	p.Mail = p.URL("mail", "client", p.Client, "contact", p.Contact, "template", p.Template, "type", string(p.Shown.typ))
	return nil
}

// previewOf is the request for the mail of one way to invite.
func (f *frame) previewOf(t events.Type) (api.PreviewRequest, error) {
	f.request.Form.Set("type", string(t))
	defer f.request.Form.Set("type", f.request.URL.Query().Get("type"))
	return f.previewRequest()
}

// templates are the firm's message templates.
func (f *frame) templates() ([]api.Template, error) {
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.Templates(ctx, f.Firm, api.TemplatesRequest{})
	return answer.Templates, err
}

// knownFields are the merge fields of a message, as it writes them.
func knownFields() string {
	var written []string
	for _, field := range mergefield.All() {
		written = append(written, field.Written())
	}
	return strings.Join(written, ", ")
}

// templatesPage lists the firm's message templates.
type templatesPage struct {
	*frame
	Templates []api.Template
}

func (s *Site) templatesOf(f *frame) (any, error) {
	f.Section, f.Title = "templates", f.T("nav.templates")
	list, err := f.templates()
	return templatesPage{f, list}, err
}
