package app

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/api"
	"portal-invites/internal/console/line"
	"portal-invites/internal/events"
)

// credential is the broker's login of a firm or of operators.
type credential struct {
	URL         string `json:"url"`
	Creds       string `json:"creds"`
	NKey        string `json:"nkey"`
	InboxPrefix string `json:"inbox_prefix"`
}

// lines reads the logins. What one does not name is that of the NATS_ settings.
func (c Console) lines(broker Broker) (*line.Lines, error) {
	if err := broker.Check(); err != nil {
		return nil, err
	}
	if c.Credentials == "" {
		return line.New(nil, broker.line("console")), nil
	}
	raw, err := os.ReadFile(c.Credentials)
	if err != nil {
		return nil, fmt.Errorf("CONSOLE_CREDENTIALS: %w", err)
	}
	var all struct {
		Ops   *credential           `json:"ops"`
		Firms map[string]credential `json:"firms"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(raw)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&all); err != nil {
		return nil, fmt.Errorf("CONSOLE_CREDENTIALS: %s: %w", c.Credentials, err)
	}
	dials := map[string]line.Dial{}
	add := func(name string, of credential) error {
		b := broker
		for _, part := range []struct{ to, from *string }{
			{&b.URL, &of.URL}, {&b.Creds, &of.Creds}, {&b.NKey, &of.NKey}, {&b.InboxPrefix, &of.InboxPrefix},
		} {
			if *part.from != "" {
				*part.to = *part.from
			}
		}
		dials[name] = b.line("console " + name)
		return b.Check()
	}
	if all.Ops != nil {
		if err := add(line.Ops, *all.Ops); err != nil {
			return nil, fmt.Errorf("CONSOLE_CREDENTIALS: ops: %w", err)
		}
	}
	for firm, of := range all.Firms {
		if events.CheckFirm(firm) != nil || firm == api.AllFirms {
			return nil, fmt.Errorf("CONSOLE_CREDENTIALS: firms: %q is not the id of a firm", firm)
		}
		if err := add(firm, of); err != nil {
			return nil, fmt.Errorf("CONSOLE_CREDENTIALS: firms.%s: %w", firm, err)
		}
	}
	return line.New(dials, nil), nil
}

// line returns how to connect for the console. What can't be published at once is not kept for later: whoever has
// pressed a button is told so, and presses again.
func (b Broker) line(name string) line.Dial {
	return func() (*nats.Conn, error) {
		nc, _, err := b.connect(name, nats.MaxReconnects(-1), nats.ReconnectBufSize(-1))
		return nc, err
	}
}
