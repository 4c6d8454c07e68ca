// Package compose writes a mail from an invitation, in the words of a catalog, rendered by Hermes. Each process has its
// design (design.go), and each language a catalog with the words of all designs (catalog/).
package compose

import (
	"fmt"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"portal-invites/internal/mail"
)

// Mail writes the mail of one invitation. It fails only if the invitation can't become a mail, with each reason under
// its field's name in the contract, or if the renderer fails. The same invitation always gives the same mail. It is
// safe for concurrent use.
func Mail(inv mail.Invitation) (mail.Content, error) { return everySender().compose(inv) }

// everySender is the composer that all senders of a process share. Its cache makes mails faster and never changes them.
var everySender = sync.OnceValue(newComposer)

// composer writes mails. It caches what mails of one shape have in common.
type composer struct {
	shapes *lru.Cache[shapeKey, *keptShape] // locks itself
}

func newComposer() *composer {
	shapes, _ := lru.New[shapeKey, *keptShape](mostShapes) // it fails only for a limit below 1
	return &composer{shapes: shapes}
}

func (c *composer) compose(inv mail.Invitation) (mail.Content, error) {
	if err := validate(inv); err != nil {
		return mail.Content{}, fmt.Errorf("compose: %w", err)
	}
	ours, err := ourLanguages()
	if err != nil {
		return mail.Content{}, fmt.Errorf("compose: %w", err)
	}
	return c.composeIn(ours.Choose(inv.Languages...), inv)
}

func (c *composer) composeIn(in *catalog, inv mail.Invitation) (mail.Content, error) {
	w := in.write(clean(inv))
	html, text, err := c.render(w)
	if err != nil {
		return mail.Content{}, fmt.Errorf("compose: %w", err)
	}
	return mail.Content{Subject: w.subject, HTML: html, Text: text, Language: in.tag.String(),
		Decline: w.declineLink}, nil
}
