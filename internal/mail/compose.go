package mail

import (
	"fmt"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
)

// Content is a mail without its addresses.
type Content struct {
	Subject  string // one line, UTF-8, not yet encoded for a header
	HTML     string
	Text     string
	Language string // the language tag of the words that are ours
}

// Compose writes the mail of one invitation. Its only errors are those of
// Validate and those of the renderer; the same invitation always gives the
// same mail, whatever was composed before. It is safe for concurrent use.
func Compose(inv Invitation) (Content, error) { return everySender().compose(inv) }

// everySender is the composer that the senders of a process share. What it
// keeps is how fast a mail is made, and never what is in it.
var everySender = sync.OnceValue(newComposer)

// composer writes mails, and keeps what those of one shape have in common.
type composer struct {
	shapes *lru.Cache[shapeKey, *keptShape]
}

func newComposer() *composer {
	shapes, _ := lru.New[shapeKey, *keptShape](mostShapes) // fails for a limit below 1 only
	return &composer{shapes: shapes}
}

func (c *composer) compose(inv Invitation) (Content, error) {
	if err := inv.Validate(); err != nil {
		return Content{}, fmt.Errorf("compose: %w", err)
	}
	ours, err := ourLanguages()
	if err != nil {
		return Content{}, fmt.Errorf("compose: %w", err)
	}
	return c.composeIn(ours.choose(inv.Languages), inv)
}

func (c *composer) composeIn(in *catalog, inv Invitation) (Content, error) {
	l := in.write(inv.clean())
	html, text, err := c.render(l)
	if err != nil {
		return Content{}, fmt.Errorf("compose: %w", err)
	}
	return Content{Subject: l.subject, HTML: html, Text: text, Language: in.tag.String()}, nil
}
