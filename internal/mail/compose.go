package mail

import (
	"fmt"

	"github.com/matcornic/hermes/v2"
)

// Content is a mail without its addresses.
type Content struct {
	Subject string // one line, UTF-8, not yet encoded for a header
	HTML    string
	Text    string
}

// Compose writes the mail of one invitation. Its only errors are those of
// Validate and those of the renderer; the same invitation always gives the
// same mail. It is safe for concurrent use.
func Compose(inv Invitation) (Content, error) {
	if err := inv.Validate(); err != nil {
		return Content{}, fmt.Errorf("compose: %w", err)
	}
	l := write(inv.clean())
	html, text, err := render(l)
	if err != nil {
		return Content{}, fmt.Errorf("compose: %w", err)
	}
	return Content{Subject: l.subject, HTML: html, Text: text}, nil
}

// letter is a mail in words, before any markup: what a translation changes,
// and the only thing that rendering sees.
type letter struct {
	subject     string
	greeting    string
	lead        string   // what happened and who did it
	message     []string // the sender's paragraphs
	details     []detail
	instruction string // what to do now, above the button
	button      string
	expiry      string
	signature   string // who sent it; the firm's name stands below it anyway
	trouble     string // introduces the raw link
	footer      string // why this mail came
	link        string
	brand       brand
}

type detail struct{ name, value string }

// brand is the firm's look.
type brand struct {
	firm, portal, logo, color, onColor string
}

// render lets Hermes make both parts. GenerateHTML writes defaults into its
// receiver, so every call has a Hermes of its own.
func render(l letter) (html, text string, err error) {
	h := hermes.Hermes{
		Theme:         theme{},
		TextDirection: hermes.TDLeftToRight,
		Product: hermes.Product{
			Name:        l.brand.firm,
			Link:        l.brand.portal,
			Logo:        l.brand.logo,
			Copyright:   l.footer,
			TroubleText: l.trouble,
		},
	}
	email := hermes.Email{Body: body(l)}
	if html, err = h.GenerateHTML(email); err != nil {
		return "", "", fmt.Errorf("render HTML: %w", err)
	}
	if text, err = h.GeneratePlainText(email); err != nil {
		return "", "", fmt.Errorf("render text: %w", err)
	}
	return html, text + "\n", nil
}

// body lays a letter out in the fields of Hermes as theme.go documents them.
func body(l letter) hermes.Body {
	details := make([]hermes.Entry, len(l.details))
	for i, d := range l.details {
		details[i] = hermes.Entry{Key: d.name, Value: d.value}
	}
	return hermes.Body{
		Title:      l.greeting,
		Intros:     append([]string{l.lead}, l.message...),
		Dictionary: details,
		Actions: []hermes.Action{{
			Instructions: l.instruction,
			Button: hermes.Button{
				Text:      l.button,
				Link:      l.link,
				Color:     l.brand.color,
				TextColor: l.brand.onColor,
			},
		}},
		Outros:    []string{l.expiry},
		Signature: l.signature,
	}
}
