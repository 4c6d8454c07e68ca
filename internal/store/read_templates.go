package store

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Template is a message template as the firm has told it.
type Template struct{ ID, Name, Body string }

// Templates lists a firm's templates behind an id, in the order of their ids. It leaves out those that were removed.
func (t *Tx) Templates(ctx context.Context, firmID, after string, limit int) ([]Template, error) {
	return collect(ctx, t, "list templates", pgx.RowToStructByPos[Template], `
		SELECT template_id, name, body FROM templates
		WHERE firm_id = $1 AND template_id > $2 AND NOT removed ORDER BY template_id LIMIT $3`, firmID, after, limit)
}

// FindTemplate reads a template. It returns [ErrNotFound] if there is none, or none any more.
func (t *Tx) FindTemplate(ctx context.Context, firmID, templateID string) (Template, error) {
	found, err := collect(ctx, t, "find a template", pgx.RowToStructByPos[Template],
		`SELECT template_id, name, body FROM templates WHERE firm_id = $1 AND template_id = $2 AND NOT removed`,
		firmID, templateID)
	if err != nil {
		return Template{}, err
	}
	if len(found) == 0 {
		return Template{}, ErrNotFound
	}
	return found[0], nil
}
