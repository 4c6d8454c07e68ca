package pipeline

import (
	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/testkit"
)

// The test kit's words, under the short names that tests here read by.

type (
	object  = testkit.Object
	outcome = testkit.Outcome
	reason  = testkit.Reason
)

var (
	with        = testkit.With
	contactData = testkit.ContactData
	clientData  = testkit.ClientData
	inviteData  = testkit.InviteData
	contact     = testkit.Contact
	added       = testkit.Added
	bulk        = testkit.Bulk
	bulkAll     = testkit.BulkAll
	bulkOf      = testkit.BulkOf
	replayOf    = testkit.Replay
	firmData    = testkit.FirmData
	durables    = testkit.Durables()
)

func (r *rig) firm()                          { r.t.Helper(); r.scene().UpsertFirm() }
func (r *rig) contact(id, name, email string) { r.t.Helper(); r.scene().UpsertContact(id, name, email) }

func (r *rig) client(id string, contacts ...string) {
	r.t.Helper()
	r.scene().UpsertClient(id, contacts...)
}

func (r *rig) invite(client string, recipients ...object) string {
	r.t.Helper()
	return r.scene().Invite(client, recipients...)
}

func (r *rig) publish(t events.Type, data any) string {
	r.t.Helper()
	return r.scene().Publish(t, data)
}

func (r *rig) publishAs(id string, t events.Type, data any) {
	r.t.Helper()
	r.scene().PublishAs(id, t, data)
}

func (r *rig) publishAll(msgs []*nats.Msg)             { r.t.Helper(); r.scene().PublishAll(msgs...) }
func (r *rig) event(t events.Type, data any) *nats.Msg { r.t.Helper(); return r.scene().Event(t, data) }

func (r *rig) outcomes() <-chan outcome            { r.t.Helper(); return r.scene().Outcomes() }
func (r *rig) told(types ...events.Type) []outcome { r.t.Helper(); return r.scene().Told(types...) }
func (r *rig) standing() map[string]outcome        { r.t.Helper(); return r.scene().Standing() }
func (r *rig) streamSize(stream string) uint64     { r.t.Helper(); return r.scene().StreamSize(stream) }

func (r *rig) await(out <-chan outcome, n int, types ...events.Type) []outcome {
	r.t.Helper()
	return r.scene().Await(out, n, types...)
}

func (r *rig) acknowledged(durables ...string) error { return r.scene().Acknowledged(durables...) }
func (r *rig) handled(durables ...string)            { r.t.Helper(); r.scene().Handled(durables...) }
func (r *rig) reset(durables ...string)              { r.t.Helper(); r.scene().Reset(durables...) }
func (r *rig) exec(sql string, args ...any)          { r.t.Helper(); r.scene().Exec(sql, args...) }

// age changes what is on record, to make time pass.
func (r *rig) age(sql string) { r.t.Helper(); r.exec(sql) }

// query reads one value from the database.
func query[T any](r *rig, sql string, args ...any) T {
	r.t.Helper()
	return testkit.Query[T](r.scene(), sql, args...)
}
