package api

import (
	"context"
	"errors"

	"portal-invites/internal/store"
)

// TemplatesRequest lists a firm's message templates, or shows one.
type TemplatesRequest struct {
	TemplateID string `json:"template_id,omitempty"` // show this one; left out: list all
	Page
}

// TemplatesAnswer is a page of templates in the order of their ids, or the one that was asked for. If that one does not
// exist, the error is a 404.
type TemplatesAnswer struct {
	Templates []Template `json:"templates"`
	Next      string     `json:"next,omitempty"`
	Freshness
}

// Template is a message template.
type Template struct {
	TemplateID string `json:"template_id"`
	Name       string `json:"name"`
	Body       string `json:"body"` // with its merge fields
}

func (s *server) templates(ctx context.Context, firm string, r TemplatesRequest) (TemplatesAnswer, error) {
	none := TemplatesAnswer{Templates: []Template{}}
	page, err := newPager(r.Page, TemplatesEndpoint, firm, r)
	if err != nil {
		return none, err
	}
	var last string
	if _, err := page.after(&last); err != nil {
		return none, err
	}
	var found []store.Template
	err = s.Reads.Read(ctx, func(tx *store.Tx) (err error) {
		if r.TemplateID == "" {
			found, err = tx.Templates(ctx, firm, last, page.limit+1)
			return err
		}
		one, err := tx.FindTemplate(ctx, firm, r.TemplateID)
		found = []store.Template{one}
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return none, notFound("template_id: this firm has no such template; leave it out to list those it has")
	case err != nil:
		return none, err
	}
	list := make([]Template, len(found))
	for i, t := range found {
		list[i] = Template{TemplateID: t.ID, Name: t.Name, Body: t.Body}
	}
	n, next, err := cut(list, page, func(t Template) any { return t.TemplateID })
	return TemplatesAnswer{Templates: list[:n], Next: next}, err
}
