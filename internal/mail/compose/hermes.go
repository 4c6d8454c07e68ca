package compose

import (
	"fmt"

	"github.com/matcornic/hermes/v2"
)

// hermesRender lets Hermes make both parts: 3 ms of CPU, for it parses the theme
// and inlines the CSS at every call. GenerateHTML writes defaults into its
// receiver, so every call has a Hermes of its own.
func hermesRender(l words) (html, text string, err error) {
	h := hermes.Hermes{
		Theme:         theme{language: l.catalog.tag.String(), colon: l.catalog.Colon},
		TextDirection: l.catalog.Direction,
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

// body lays the words out in the fields of Hermes as theme documents them.
func body(l words) hermes.Body {
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
