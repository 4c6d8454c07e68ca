package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/examples"
	"portal-invites/internal/events"
	"portal-invites/internal/importer"
)

// feed publishes the example firm's events, as upstream services would.
type feed struct {
	js    jetstream.JetStream
	files fs.FS
}

func (f feed) publish(ctx context.Context, msgs ...*nats.Msg) error {
	if err := events.EmitMany(ctx, f.js, msgs); err != nil {
		return fmt.Errorf("publish the example: %w", err)
	}
	return nil
}

func event(t events.Type, data any) (*nats.Msg, error) {
	subject, err := events.Subject(examples.AcmeFirm, t)
	if err != nil {
		return nil, err
	}
	return events.Outgoing{
		Subject: subject, Type: t, Source: "demo", ID: uuid.NewString(), Time: time.Now(), Data: data,
	}.Message()
}

// file publishes the data of one event and returns the event's id.
func (f feed) file(ctx context.Context, t events.Type, name string) (string, error) {
	data, err := fs.ReadFile(f.files, name)
	if err != nil {
		return "", fmt.Errorf("read the example: %w", err)
	}
	msg, err := event(t, json.RawMessage(data))
	if err != nil {
		return "", err
	}
	return msg.Header.Get("ce-id"), f.publish(ctx, msg)
}

// csv publishes the clients and contacts of an export, and returns them.
func (f feed) csv(ctx context.Context, name string) (*importer.Import, error) {
	file, err := f.files.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read the example: %w", err)
	}
	defer func() { _ = file.Close() }()
	read, err := importer.Read(file, importer.Options{})
	if err != nil {
		return nil, fmt.Errorf("import %s: %w", name, err)
	}
	if len(read.Problems) > 0 {
		return nil, fmt.Errorf("import %s: %s", name, read.Problems[0])
	}
	var msgs []*nats.Msg
	for _, c := range read.Contacts {
		msg, err := event(events.ContactUpserted, c)
		if err != nil {
			return nil, err
		}
		msgs = append(msgs, msg)
	}
	for _, c := range read.Clients {
		msg, err := event(events.ClientUpserted, c)
		if err != nil {
			return nil, err
		}
		msgs = append(msgs, msg)
	}
	return read, f.publish(ctx, msgs...)
}

// line has what the demo needs to know of a structured event. The broker gets the event unchanged.
type line struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	Type   string `json:"type"`
	Data   struct {
		Recipients []json.RawMessage `json:"recipients"`
	} `json:"data"`
}

// ndjson publishes structured events, one a line, and returns how many recipients each of them names.
func (f feed) ndjson(ctx context.Context, name string) (recipients map[string]int, err error) {
	content, err := fs.ReadFile(f.files, name)
	if err != nil {
		return nil, fmt.Errorf("read the example: %w", err)
	}
	recipients = map[string]int{}
	var msgs []*nats.Msg
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, len(content)+1)
	for lines.Scan() {
		body := bytes.Clone(bytes.TrimSpace(lines.Bytes()))
		if len(body) == 0 {
			continue
		}
		var l line
		if err := json.Unmarshal(body, &l); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		subject, err := events.Subject(examples.AcmeFirm, events.TypeOfCE(l.Type))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		recipients[l.ID] += len(l.Data.Recipients)
		msgs = append(msgs, &nats.Msg{
			Subject: subject, Data: body,
			Header: nats.Header{
				"content-type": {"application/cloudevents+json"},
				nats.MsgIdHdr:  {events.Outgoing{Subject: subject, Source: l.Source, ID: l.ID}.Identity()},
			},
		})
	}
	return recipients, f.publish(ctx, msgs...)
}
