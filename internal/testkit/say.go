package testkit

import (
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/events"
)

// Message returns an event of the firm. It has no Nats-Msg-Id: publishers may leave that header out, so nothing may
// depend on it.
func (s *Scene) Message(id string, at time.Time, t events.Type, data any) *nats.Msg {
	s.TB.Helper()
	subject, err := events.Subject(s.Firm, t)
	s.Must(err)
	msg, err := events.Outgoing{Subject: subject, Type: t, Source: "test", ID: id, Time: at, Data: data}.Message()
	s.Must(err)
	msg.Header.Del(nats.MsgIdHdr)
	return msg
}

// Event returns a new event of the firm.
func (s *Scene) Event(t events.Type, data any) *nats.Msg {
	s.TB.Helper()
	return s.Message(uuid.NewString(), time.Now(), t, data)
}

// Publish puts a new event on the stream and returns its id.
func (s *Scene) Publish(t events.Type, data any) (id string) {
	s.TB.Helper()
	id = uuid.NewString()
	s.PublishAs(id, t, data)
	return id
}

// PublishAs puts an event on the stream under this id, with which the event may have been published before.
func (s *Scene) PublishAs(id string, t events.Type, data any) {
	s.TB.Helper()
	_, err := s.JS.PublishMsg(s.Ctx, s.Message(id, time.Now(), t, data))
	s.Must(err)
}

// unacknowledged is how many messages may be on their way to the stream at the same time. The NATS client allows some
// thousand.
const unacknowledged = 1000

// PublishAll puts events on the stream, in order, and returns when the stream has acknowledged all of them.
func (s *Scene) PublishAll(msgs ...*nats.Msg) {
	s.TB.Helper()
	for chunk := range slices.Chunk(msgs, unacknowledged) {
		acks := make([]jetstream.PubAckFuture, len(chunk))
		for i, msg := range chunk {
			var err error
			acks[i], err = s.JS.PublishMsgAsync(msg)
			s.Must(err)
		}
		for _, ack := range acks {
			select {
			case <-ack.Ok():
			case err := <-ack.Err():
				s.Must(err)
			case <-s.Ctx.Done():
				s.Must(s.Ctx.Err())
			}
		}
	}
}

// UpsertFirm publishes the firm.
func (s *Scene) UpsertFirm() {
	s.TB.Helper()
	s.Publish(events.FirmUpserted, FirmData())
}

// UpsertContact publishes a contact.
func (s *Scene) UpsertContact(id, name, email string) {
	s.TB.Helper()
	s.Publish(events.ContactUpserted, ContactData(id, name, email))
}

// UpsertClient publishes a client with contacts by id; a leading * makes one Primary.
func (s *Scene) UpsertClient(id string, contacts ...string) {
	s.TB.Helper()
	s.Publish(events.ClientUpserted, ClientData(id, contacts...))
}

// Invite requests an invite for each recipient, and returns the request's id.
func (s *Scene) Invite(client string, recipients ...Object) (id string) {
	s.TB.Helper()
	return s.Publish(events.InviteRequested, InviteData(client, recipients...))
}
