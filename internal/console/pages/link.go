package pages

import (
	"errors"
	"net/url"
	"strings"
)

// checkClientURL checks the address of clients in the firm's own software.
func checkClientURL(template string) error {
	if template == "" {
		return nil
	}
	parsed, err := url.Parse(strings.NewReplacer("{client_id}", "x", "{firm_id}", "x").Replace(template))
	if err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Host == "" {
		return errors.New("CLIENT_URL: must be an address (example: https://office.example/clients/{client_id})")
	}
	if !strings.Contains(template, "{client_id}") {
		return errors.New("CLIENT_URL: must contain {client_id} (example: https://office.example/clients/{client_id})")
	}
	return nil
}

// Record is the address of a client in the firm's own software, or "".
func (f *frame) Record(clientID string) string {
	if f.site.ClientURL == "" || clientID == "" {
		return ""
	}
	return strings.NewReplacer("{client_id}", url.PathEscape(clientID), "{firm_id}", url.PathEscape(f.Firm)).
		Replace(f.site.ClientURL)
}
