package part

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/matcornic/hermes/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	queue "github.com/riverqueue/river"
	gomail "github.com/wneessen/go-mail"

	"portal-invites/bench/internal/firm"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// river is what a user would build instead of the pipeline: an event becomes a River job for each recipient, and the
// job does everything. It reads the same tables of facts as the pipeline and checks only the few rules that its cases
// need. It keeps none of the pipeline's promises about races, replays or second mails.
type river struct{}

type inviteJob struct {
	CauseID   string `json:"cause_id"`
	ClientID  string `json:"client_id"`
	ContactID string `json:"contact_id"`
	Message   string `json:"message"`
	Item      string `json:"item"`
}

// Kind returns River's name for the job.
func (inviteJob) Kind() string { return "invite" }

type inviter struct {
	queue.WorkerDefaults[inviteJob]
	pool *pgxpool.Pool
	js   jetstream.JetStream
	mail *mailer
}

// jobsPerConnection is high enough to keep the connections busy while other jobs query, render and publish.
const jobsPerConnection = 4

// Run is called by kong.
func (river) Run(ctx context.Context, out io.Writer) error {
	s, err := readSettings()
	if err != nil {
		return err
	}
	nc, err := nats.Connect(s.natsURL)
	if err != nil {
		return fmt.Errorf("connect to the broker: %w", err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("open JetStream: %w", err)
	}
	work := &inviter{js: js}
	if work.mail, err = newMailer(ctx, s); err != nil {
		return err
	}
	workers := queue.NewWorkers()
	queue.AddWorker(workers, work)
	client, pool, err := newRiver(ctx, s.databaseURL, workers, jobsPerConnection*s.connections)
	if err != nil {
		return err
	}
	defer pool.Close()
	work.pool = pool
	if _, err := pool.Exec(ctx, `CREATE TABLE IF NOT EXISTS peer_invites (
		invite_id uuid PRIMARY KEY, firm_id text NOT NULL, client_id text NOT NULL, contact_id text NOT NULL,
		email text NOT NULL, cause_id text NOT NULL, state text NOT NULL, sent_at timestamptz NOT NULL,
		UNIQUE (firm_id, client_id, contact_id))`); err != nil {
		return fmt.Errorf("make the table: %w", err)
	}
	if err := client.Start(ctx); err != nil {
		return fmt.Errorf("start River: %w", err)
	}
	consumer, err := js.CreateOrUpdateConsumer(ctx, events.EventsStream, jetstream.ConsumerConfig{
		Durable: "peer", AckPolicy: jetstream.AckExplicitPolicy,
		FilterSubjects: []string{events.Requests.All(), events.BulkRequests.All()},
	})
	if err != nil {
		return fmt.Errorf("make the durable: %w", err)
	}
	failed := make(chan error, 1)
	consuming, err := consumer.Consume(func(msg jetstream.Msg) {
		if err := take(ctx, client, pool, msg); err != nil && ctx.Err() == nil {
			failed <- err
		}
	})
	if err != nil {
		return fmt.Errorf("consume: %w", err)
	}
	defer consuming.Stop()
	ready(out)
	select {
	case <-ctx.Done():
		return stop(ctx, client)
	case err := <-failed:
		return err
	}
}

// take turns an event into jobs, and acknowledges the event when the jobs are stored.
func take(ctx context.Context, client *queue.Client[pgx.Tx], pool *pgxpool.Pool, msg jetstream.Msg) error {
	event, err := events.Decode(msg.Subject(), msg.Headers(), msg.Data())
	if err != nil {
		return err
	}
	var jobs []inviteJob
	switch data := event.Data.(type) {
	case *events.Request:
		jobs = []inviteJob{{
			CauseID: event.ID, ClientID: data.ClientID, ContactID: data.Recipients[0].ContactID,
			Message: data.Message.Text, Item: data.File.Name,
		}}
	case *events.BulkRequest:
		if jobs, err = expand(ctx, pool, event.ID, data); err != nil {
			return err
		}
	case *events.Firm, *events.Client, *events.RemovedClient, *events.Contact, *events.RemovedContact, *events.Merge,
		*events.Grant, *events.Suppression, *events.MailReport, *events.Template, *events.RemovedTemplate,
		*events.ReplayRequest, *events.Instruction, *events.Schedule, *events.Erasure:
		return fmt.Errorf("no job for %s", event.Type)
	}
	for batch := range slices.Chunk(jobs, 5000) {
		params := make([]queue.InsertManyParams, len(batch))
		for i, job := range batch {
			params[i].Args = job
		}
		if _, err := client.InsertManyFast(ctx, params); err != nil {
			return fmt.Errorf("insert jobs: %w", err)
		}
	}
	return msg.Ack()
}

func expand(ctx context.Context, pool *pgxpool.Pool, cause string, data *events.BulkRequest) ([]inviteJob, error) {
	rows, err := pool.Query(ctx, `
		SELECT $1, c.client_id, k.contact_id, $2, ''
		FROM clients c, unnest(c.contact_ids, c.primaries) AS k (contact_id, is_primary)
		WHERE c.firm_id = $3 AND c.active AND NOT c.removed AND is_primary AND ($4 = '' OR c.kind = $4)`,
		cause, data.Message.Text, firm.ID, data.Selection.Kind)
	if err != nil {
		return nil, fmt.Errorf("select the recipients: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[inviteJob])
}

// facts are the facts of one invite, read by one query.
type facts struct {
	Firm, PortalURL, Color, Client, Name, Email string
	Active, Suppressed, Invited                 bool
}

// Work handles one invite: query, check, Hermes, go-mail, insert, publish.
func (w *inviter) Work(ctx context.Context, job *queue.Job[inviteJob]) error {
	a := job.Args
	rows, err := w.pool.Query(ctx, `
		SELECT f.name, f.portal_url, f.color, c.name, k.name, k.email, c.active AND NOT c.removed,
			EXISTS (SELECT FROM suppressions s WHERE s.firm_id = k.firm_id AND s.email = k.email_normal AND NOT s.lifted),
			EXISTS (SELECT FROM peer_invites p WHERE p.firm_id = $1 AND p.client_id = $2 AND p.contact_id = $3)
		FROM firms f JOIN clients c USING (firm_id) JOIN contacts k USING (firm_id)
		WHERE f.firm_id = $1 AND c.client_id = $2 AND k.contact_id = $3`, firm.ID, a.ClientID, a.ContactID)
	if err != nil {
		return fmt.Errorf("read the facts: %w", err)
	}
	f, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[facts])
	if err != nil {
		return fmt.Errorf("read the facts: %w", err)
	}
	id := uuid.NewSHA1(uuid.NameSpaceURL, []byte(a.CauseID+"/"+a.ClientID+"/"+a.ContactID))
	if reason := f.check(); reason != "" {
		return w.publish(ctx, events.InviteSkipped, id, a, reason)
	}
	msg, err := f.compose(id, a)
	if err != nil {
		return err
	}
	if err := w.mail.send(msg); err != nil {
		return err
	}
	if _, err := w.pool.Exec(ctx, `INSERT INTO peer_invites VALUES ($1, $2, $3, $4, $5, $6, 'sent', now())`,
		id, firm.ID, a.ClientID, a.ContactID, f.Email, a.CauseID); err != nil {
		return fmt.Errorf("record the invite: %w", err)
	}
	return w.publish(ctx, events.InviteSent, id, a, "")
}

// check checks the few rules that the peer's cases need.
func (f facts) check() rules.Code {
	switch {
	case !f.Active:
		return rules.ClientInactive
	case f.Email == "":
		return rules.EmailMissing
	case f.Suppressed:
		return rules.EmailSuppressed
	case f.Invited:
		return rules.AlreadyInvited
	default:
		return ""
	}
}

func (f facts) compose(id uuid.UUID, a inviteJob) (*gomail.Msg, error) {
	h := hermes.Hermes{Product: hermes.Product{Name: f.Firm, Link: f.PortalURL, Copyright: "© " + f.Firm}}
	fields := strings.NewReplacer("{{contact.name}}", f.Name, "{{client.name}}", f.Client, "{{requested_by}}", "Lee Chen")
	opened := f.Firm + " has opened a portal for " + f.Client + ". " + a.Item
	email := hermes.Email{Body: hermes.Body{
		Name:   f.Name,
		Intros: append([]string{opened}, strings.Split(fields.Replace(a.Message), "\n\n")...),
		Actions: []hermes.Action{{
			Instructions: "To open it, please press the button:",
			Button:       hermes.Button{Color: f.Color, Text: "Open the portal", Link: f.PortalURL + "/invite/" + id.String()},
		}},
		Outros: []string{"The link is valid for 30 days."},
	}}
	html, err := h.GenerateHTML(email)
	if err != nil {
		return nil, fmt.Errorf("render HTML: %w", err)
	}
	plain, err := h.GeneratePlainText(email)
	if err != nil {
		return nil, fmt.Errorf("render text: %w", err)
	}
	msg := gomail.NewMsg()
	if err := msg.FromFormat(f.Firm, "portal@mail.example"); err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	if err := msg.AddToFormat(f.Name, f.Email); err != nil {
		return nil, fmt.Errorf("to: %w", err)
	}
	msg.SetMessageIDWithValue(id.String() + "@mail.example")
	msg.Subject(f.Firm + " invites you to the portal of " + f.Client)
	msg.SetBodyString(gomail.TypeTextPlain, plain)
	msg.AddAlternativeString(gomail.TypeTextHTML, html)
	return msg, nil
}

// outcome has the fields that a subscriber needs.
type outcome struct {
	FirmID    string            `json:"firm_id"`
	InviteID  uuid.UUID         `json:"invite_id"`
	ClientID  string            `json:"client_id"`
	Recipient map[string]string `json:"recipient"`
	Cause     map[string]string `json:"cause"`
	Reason    rules.Code        `json:"reason,omitempty"`
	At        time.Time         `json:"decided_at"`
}

func (w *inviter) publish(ctx context.Context, t events.Type, id uuid.UUID, a inviteJob, reason rules.Code) error {
	body, err := json.Marshal(outcome{
		FirmID: firm.ID, InviteID: id, ClientID: a.ClientID, Recipient: map[string]string{"contact_id": a.ContactID},
		Cause: map[string]string{"source": "bench", "id": a.CauseID}, Reason: reason, At: time.Now(),
	})
	if err != nil {
		return fmt.Errorf("encode the outcome: %w", err)
	}
	subject := "portal." + string(events.Outcomes) + "." + firm.ID + "." + string(t)
	if reason != "" {
		subject += "." + string(reason)
	}
	if _, err := w.js.Publish(ctx, subject, body, jetstream.WithMsgID(id.String())); err != nil {
		return fmt.Errorf("publish the outcome: %w", err)
	}
	return nil
}
