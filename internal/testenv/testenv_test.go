package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/smtp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go/jetstream"
)

func TestMain(m *testing.M) { Main(m) }

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func TestDatabasesAreFreshAndMigratedOnce(t *testing.T) {
	t.Parallel()
	var migrated atomic.Int32
	schema := Schema{
		// The time makes a template for this run alone, even with -count.
		Files: fstest.MapFS{"1.sql": {Data: fmt.Appendf(nil, "CREATE TABLE seen (name text) -- %d", time.Now().UnixNano())}},
		Migrate: func(ctx context.Context, url string) error {
			migrated.Add(1)
			conn, err := pgx.Connect(ctx, url)
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close(ctx) }()
			_, err = conn.Exec(ctx, `CREATE TABLE seen (name text)`)
			return err
		},
	}
	t.Cleanup(func() { // After the subtests, which run in parallel.
		if n := migrated.Load(); n != 1 {
			t.Errorf("migrated %d times", n)
		}
	})
	for i := range 8 {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			conn := connect(t, DatabaseOf(t, schema))
			var rows int
			if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM seen`).Scan(&rows); err != nil || rows != 0 {
				t.Fatalf("%d rows, %v; want an empty table", rows, err)
			}
			if _, err := conn.Exec(t.Context(), `INSERT INTO seen VALUES ('here')`); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestDatabaseHasTheSchemaAndRoomForConnections(t *testing.T) {
	t.Parallel()
	conn := connect(t, Database(t))
	var tables, connections int
	err := conn.QueryRow(t.Context(), `
		SELECT (SELECT count(*) FROM pg_tables WHERE schemaname = 'public'), current_setting('max_connections')::int`).
		Scan(&tables, &connections)
	if err != nil || tables < 2 || connections < 200 {
		t.Fatalf("%d tables, %d connections, %v", tables, connections, err)
	}
}

// Code that tries again may succeed after a refusal. Its test must still fail.
func TestARefusedChangeOfAStateFailsItsTest(t *testing.T) {
	t.Parallel()
	url := Database(t)
	conn := connect(t, url)
	insert := func(state string) error {
		_, err := conn.Exec(t.Context(), `
			INSERT INTO access (firm_id, client_id, person, email, state, version, stream, sequence)
			VALUES ('acme', 'c', $1, '', $1, 1, now(), 1)`, state)
		return err
	}
	check := func() string {
		fake := &fakeTB{TB: t}
		expectNoneRefused(fake, url)
		return fake.failure
	}
	if err := insert("active"); err != nil || check() != "" {
		t.Errorf("an allowed change: %v; the test failed with %q", err, check())
	}
	const refusal = "access goes from nothing to expired, a transition that internal/store/states.go"
	if err := insert("expired"); err == nil || !strings.Contains(err.Error(), refusal) {
		t.Errorf("refused with %v", err)
	}
	if failure := check(); !strings.Contains(failure, "1 changes of a state were refused") {
		t.Errorf("the test failed with %q", failure)
	}
	if _, err := conn.Exec(t.Context(), `ALTER SEQUENCE refused_transitions RESTART`); err != nil { // this test meant it
		t.Fatal(err)
	}
}

func TestBrokerHasJetStream(t *testing.T) {
	t.Parallel()
	js, err := jetstream.New(Broker(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}}); err != nil {
		t.Fatal(err)
	}
	if ack, err := js.Publish(t.Context(), "s", nil); err != nil || ack.Sequence != 1 {
		t.Fatalf("%+v, %v", ack, err)
	}
}

func send(m *Mailbox, to, subject string) error {
	return smtp.SendMail(m.Addr(), nil, "firm@example.com", []string{to},
		[]byte("To: "+to+"\r\nSubject: "+subject+"\r\n\r\nHello\r\n"))
}

func TestMailboxWaits(t *testing.T) {
	t.Parallel()
	m := NewMailbox(t)
	sent := make(chan error, 3)
	for i := range 3 {
		go func() { sent <- send(m, "a@example.com", fmt.Sprintf("mail %d", i)) }()
	}
	messages, err := m.Wait(t.Context(), 3)
	if err != nil || len(messages) != 3 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	for range 3 {
		if err := <-sent; err != nil {
			t.Error(err)
		}
	}
	got := messages[0]
	if got.From != "firm@example.com" || got.To[0] != "a@example.com" || !strings.HasPrefix(got.Subject, "mail ") ||
		got.Text != "Hello\r\n" {
		t.Errorf("got %+v", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Wait(ended, 4); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "3 of 4") {
		t.Errorf("waiting for a fourth ended with %v", err)
	}
}

func TestMailboxMisbehaves(t *testing.T) {
	t.Parallel()
	m := NewMailbox(t)
	m.Refuse("Gone@example.com", 550, [3]int{5, 1, 1}, "no such user")
	if err := send(m, "gone@example.com", "refused"); err == nil || !strings.Contains(err.Error(), "5.1.1 no such user") {
		t.Errorf("refused with %v", err)
	}
	if err := send(m, "other@example.com", "accepted"); err != nil {
		t.Errorf("another recipient: %v", err)
	}
	m.Accept("gone@example.com")
	if err := send(m, "gone@example.com", "accepted again"); err != nil {
		t.Error(err)
	}
	m.DropReplies(1)
	if err := send(m, "a@example.com", "unknown"); err == nil {
		t.Error("a dropped reply looked like an answer")
	}
	m.Down()
	if err := send(m, "a@example.com", "while down"); err == nil {
		t.Error("a mail was accepted while down")
	}
	m.Up()
	if err := send(m, "a@example.com", "up again"); err != nil {
		t.Error(err)
	}
	var subjects []string
	for _, message := range m.Messages() {
		subjects = append(subjects, message.Subject)
	}
	if got := strings.Join(subjects, ", "); got != "accepted, accepted again, unknown, up again" {
		t.Errorf("kept %s", got)
	}
}

// A sender that keeps its connection must not keep the mailbox from going down.
func TestMailboxGoesDownUnderAnOpenConnection(t *testing.T) {
	t.Parallel()
	m := NewMailbox(t)
	client, err := smtp.Dial(m.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if err := client.Hello("localhost"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	m.Down()
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("going down took %s", took)
	}
	if err := client.Noop(); err == nil {
		t.Error("the connection still answers")
	}
}

type fakeTB struct {
	testing.TB
	failure string
}

func (f *fakeTB) Helper() {}
func (f *fakeTB) Fatalf(format string, v ...any) {
	f.failure = fmt.Sprintf(format, v...)
	panic(f)
}

func (f *fakeTB) Errorf(format string, v ...any) { f.failure = fmt.Sprintf(format, v...) }

func TestEventually(t *testing.T) {
	t.Parallel()
	left := 3
	Eventually(t, time.Minute, func() error {
		if left--; left > 0 {
			return errors.New("not yet")
		}
		return nil
	})
	fake := &fakeTB{}
	func() {
		defer func() { _ = recover() }()
		Eventually(fake, time.Millisecond, func() error { return errors.New("2 of 3 runs done") })
	}()
	if !strings.Contains(fake.failure, "2 of 3 runs done") {
		t.Errorf("the failure says %q", fake.failure)
	}
}
