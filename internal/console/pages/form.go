package pages

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/api"
	"portal-invites/internal/events"
)

// source is the ce-source of what the console publishes.
const source = "portal-console"

// stamp is what makes two presses of a button one event: its id and time, which a form carries (ADR 168).
type stamp struct{ ID, Time string }

func newStamp() stamp {
	return stamp{uuid.NewString(), time.Now().UTC().Format(time.RFC3339Nano)}
}

// formLasts is how long a form may wait before it is sent.
const formLasts = 24 * time.Hour

// action makes a handler of what a form does. The form must have been made for the person who sends it.
func (s *Site) action(do func(*frame) (any, error)) http.HandlerFunc {
	return s.page(func(f *frame) (any, error) {
		if !f.Who.Wrote(f.request.PostForm.Get("csrf")) {
			return nil, errOldForm
		}
		return do(f)
	})
}

// text is a text of the form, with the line ends that events have.
func (f *frame) text(name string) string {
	return strings.TrimSpace(strings.ReplaceAll(f.value(name), "\r\n", "\n"))
}

// publication is an event that a form publishes.
type publication struct {
	t    events.Type
	id   string
	data any
}

// publish publishes the form's event about the firm. Pressed twice, it is one event.
func (f *frame) publish(t events.Type, data any) (id string, err error) {
	id = f.request.PostForm.Get("event")
	return id, f.publishAll([]publication{{t, id, data}})
}

// publishAll publishes several events of a form. Their ids are the form's, or derived from it.
func (f *frame) publishAll(list []publication) error {
	at, timeErr := time.Parse(time.RFC3339Nano, f.request.PostForm.Get("at"))
	if _, err := uuid.Parse(f.request.PostForm.Get("event")); err != nil || timeErr != nil || time.Since(at) > formLasts ||
		time.Until(at) > time.Minute {
		return errOldForm
	}
	msgs := make([]*nats.Msg, len(list))
	for i, one := range list {
		var err error
		if msgs[i], err = f.outgoing(one, at); err != nil {
			return err
		}
	}
	nc, leave, err := f.site.Lines.Take(f.ctx, f.credential)
	if err != nil {
		return err
	}
	defer leave()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	ctx, cancel := f.patiently()
	defer cancel()
	if _, err := events.Emit(ctx, js, msgs); err != nil {
		return errors.Join(errAway, err)
	}
	return nil
}

// outgoing checks an event and writes it as a message.
func (f *frame) outgoing(p publication, at time.Time) (*nats.Msg, error) {
	raw, err := json.Marshal(p.data)
	if err != nil {
		return nil, err
	}
	if _, err := events.DecodeData(p.t, raw); err != nil {
		return nil, &api.Error{Code: http.StatusBadRequest, Message: strings.ReplaceAll(err.Error(), "\n", "; ")}
	}
	subject, err := events.Subject(f.Firm, p.t)
	if err != nil {
		return nil, err
	}
	return events.Outgoing{
		Subject: subject, Type: p.t, Source: source, ID: p.id, Time: at, Data: json.RawMessage(raw),
	}.Message()
}
