package ctl

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/importer"
)

// assumption is the flag of commands that say what would be decided if a file were imported first.
type assumption struct {
	Assume string `placeholder:"FILE" help:"What if this CSV file were imported first? It is read as by publisher import, and nothing is published. Up to 1,000 clients and contacts."`
}

var errAssumed = errors.New("--assume")

// assumed reads the file that --assume names. A file with a problem is refused as a whole: what it would help can't be
// said.
func (a assumption) assumed() ([]api.AssumedFact, error) {
	if a.Assume == "" {
		return nil, nil
	}
	file, err := os.Open(a.Assume)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAssumed, err)
	}
	defer func() { _ = file.Close() }() // it was only read
	read, err := importer.Read(file, importer.Options{})
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errAssumed, a.Assume, err)
	}
	if len(read.Problems) > 0 {
		lines := make([]string, len(read.Problems))
		for i, p := range read.Problems {
			lines[i] = p.String()
		}
		return nil, fmt.Errorf("%w: %s: %s", errAssumed, a.Assume, strings.Join(lines, "; "))
	}
	var list []api.AssumedFact
	add := func(t events.Type, data any) {
		raw, problem := json.Marshal(data)
		err = errors.Join(err, problem)
		list = append(list, api.AssumedFact{Type: t, Data: raw})
	}
	for _, contact := range read.Contacts {
		add(events.ContactUpserted, contact)
	}
	for _, client := range read.Clients {
		add(events.ClientUpserted, client)
	}
	if len(list) > api.MostAssumed {
		return nil, fmt.Errorf("%w: %s has %d clients and contacts, and %d is the most", errAssumed, a.Assume, len(list),
			api.MostAssumed)
	}
	return list, err
}
