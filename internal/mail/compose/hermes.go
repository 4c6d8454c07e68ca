package compose

import (
	"fmt"

	"github.com/matcornic/hermes/v2"
)

// hermesRender lets Hermes render both parts. That takes 3 ms of CPU, because Hermes parses the theme and inlines the
// CSS at every call. GenerateHTML writes defaults into its receiver, so every call has its own Hermes.
func hermesRender(w words) (html, text string, err error) {
	h := hermes.Hermes{
		Theme: theme{
			language: w.catalog.tag.String(), colon: w.catalog.Colon, decline: w.decline, declineLink: w.declineLink,
		},
		TextDirection: w.catalog.Direction,
		Product: hermes.Product{
			Name:        w.brand.firm,
			Link:        w.brand.portal,
			Logo:        w.brand.logo,
			Copyright:   w.footer,
			TroubleText: w.trouble,
		},
	}
	email := hermes.Email{Body: body(w)}
	if html, err = h.GenerateHTML(email); err != nil {
		return "", "", fmt.Errorf("render HTML: %w", err)
	}
	if text, err = h.GeneratePlainText(email); err != nil {
		return "", "", fmt.Errorf("render text: %w", err)
	}
	return html, text + "\n", nil
}

// body puts the words into the fields of Hermes as documented at theme.
func body(w words) hermes.Body {
	details := make([]hermes.Entry, len(w.details))
	for i, d := range w.details {
		details[i] = hermes.Entry{Key: d.name, Value: d.value}
	}
	return hermes.Body{
		Title:      w.greeting,
		Intros:     append([]string{w.lead}, w.message...),
		Dictionary: details,
		Actions: []hermes.Action{{
			Instructions: w.instruction,
			Button: hermes.Button{
				Text:      w.button,
				Link:      w.link,
				Color:     w.brand.color,
				TextColor: w.brand.onColor,
			},
		}},
		Outros:    []string{w.expiry},
		Signature: w.signature,
	}
}
