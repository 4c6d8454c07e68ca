package app

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"portal-invites/internal/link"
	"portal-invites/internal/testenv"
)

// nameServer answers TXT questions from a table. Names that the table lacks do not exist.
func nameServer(t *testing.T, records map[string][]string) *net.Resolver {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = conn.Close(); <-done })
	go func() {
		defer close(done)
		buffer := make([]byte, 4096)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			if answer, err := answerTo(buffer[:n], records); err == nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func answerTo(asked []byte, records map[string][]string) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(asked); err != nil || len(m.Questions) != 1 {
		return nil, errors.New("not a question")
	}
	question := m.Questions[0]
	m.Response, m.Additionals = true, nil
	found, exists := records[strings.ToLower(strings.TrimSuffix(question.Name.String(), "."))]
	if !exists {
		m.RCode = dnsmessage.RCodeNameError
	}
	for _, text := range found {
		var parts []string // of 255 octets at most, as the long key of a real record
		for len(text) > 100 {
			parts, text = append(parts, text[:100]), text[100:]
		}
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Type: dnsmessage.TypeTXT, Class: dnsmessage.ClassINET},
			Body:   &dnsmessage.TXTResource{TXT: append(parts, text)},
		})
	}
	return m.Pack()
}

// checked is a worker's settings with all that they name.
func checked(t *testing.T) (Worker, *testenv.Mailbox) {
	t.Helper()
	mailbox := testenv.NewMailbox(t)
	host, port := testenv.SplitAddress(t, mailbox.Addr())
	key, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return Worker{
		Kept:     DefaultKept,
		Broker:   Broker{URL: testenv.BrokerURL(t), Replicas: 1, TopologyMode: topologyManage},
		Database: Database{URL: testenv.Database(t), Migrate: migrateNever},
		SMTP: SMTP{Host: host, Port: port, From: "Portal <portal@mail.example>", TLS: "none", Connections: 1,
			ConnectionIdle: time.Minute, ConnectionAge: time.Minute, ConnectionMails: 100,
			DKIM: DKIM{Domain: "mail.example", Selector: "s1",
				Key: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))}},
		Invites: Invites{TTL: 720 * time.Hour, Cooldown: time.Minute, OnUnknown: "hold", LinkKey: link.NewKey(),
			RetryFor: 72 * time.Hour},
		Service: Service{ShutdownTimeout: 20 * time.Second, Log: Log{Level: "warn", Format: "json"}},
	}, mailbox
}

// The check names what is wrong with the database, the broker, the mail server and the DNS, and mails nobody.
func TestTheCheckSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	w, mailbox := checked(t)
	cfg, _, err := w.config()
	if err != nil {
		t.Fatal(err)
	}
	_, record := cfg.SMTP.DKIM.Record()
	ours, spf := []string{record}, []string{"google-site-verification=1", "v=spf1 ip4:192.0.2.10 -all"}
	other := []string{"v=DKIM1; k=ed25519; p=AAAA"}
	for name, c := range map[string]struct {
		records map[string][]string
		change  func(*Worker)
		says    []string
		wrong   int
	}{
		"all is there": {
			records: map[string][]string{"mail.example": spf, "s1._domainkey.mail.example": ours,
				"_dmarc.mail.example": {"v=DMARC1; p=none"}},
			says: []string{"ok     settings", "ok     database", "look   broker: ", "a worker creates what is missing",
				"ok     mail server: ", "ok     SPF: mail.example says v=spf1", "ok     DKIM: ", "ok     DMARC: ",
				"A worker with these settings can work."},
		},
		"the key was split, and has blanks": {
			records: map[string][]string{"s1._domainkey.mail.example": {strings.ReplaceAll(record, "p=", "p= ")}},
			says:    []string{"look   SPF: mail.example has no record", "ok     DKIM: ", "look   DMARC: "},
		},
		"another key": {
			records: map[string][]string{"mail.example": spf, "s1._domainkey.mail.example": other},
			says:    []string{"wrong  DKIM: s1._domainkey.mail.example has another key", record}, wrong: 1,
		},
		"a key that was revoked": {
			records: map[string][]string{"s1._domainkey.mail.example": {"v=DKIM1; p="}},
			says:    []string{"wrong  DKIM: s1._domainkey.mail.example has no key"}, wrong: 1,
		},
		"no key, two SPF records": {
			records: map[string][]string{"mail.example": {"v=spf1 -all", "V=SPF1 ~all"}},
			says:    []string{"wrong  SPF: mail.example has 2 records", "wrong  DKIM: ", "2 of these are wrong"}, wrong: 2,
		},
		"nobody is there": {
			records: map[string][]string{"mail.example": spf, "s1._domainkey.mail.example": ours},
			change: func(w *Worker) {
				w.Port, w.Broker.URL = 1, "nats://127.0.0.1:1" // nobody listens there
				w.Database.URL = "postgres://nobody@127.0.0.1:1/none?connect_timeout=2"
			},
			says:  []string{"wrong  database: ", "wrong  broker: ", "wrong  mail server: ", "does not let us in (connect)"},
			wrong: 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w
			if c.change != nil {
				c.change(&w)
			}
			var out strings.Builder
			err := w.examine(t.Context(), &out, nameServer(t, c.records))
			if got := strings.Count(out.String(), "wrong  "); got != c.wrong || errors.Is(err, ErrReported) != (c.wrong > 0) {
				t.Errorf("%d are wrong, want %d (%v):\n%s", got, c.wrong, err, out.String())
			}
			for _, want := range c.says {
				if !strings.Contains(out.String(), want) {
					t.Errorf("it does not say %q:\n%s", want, out.String())
				}
			}
		})
	}
	t.Cleanup(func() {
		if mails := len(mailbox.Messages()); mails != 0 {
			t.Errorf("%d mails were sent", mails)
		}
	})
}

// Settings that can't be read are named as they are at the start of a worker.
func TestTheCheckNamesSettings(t *testing.T) {
	t.Parallel()
	w, _ := checked(t)
	w.From = "portal"
	var out strings.Builder
	err := w.examine(t.Context(), &out, net.DefaultResolver)
	if _, usage := errors.AsType[UsageError](err); !usage || !strings.Contains(err.Error(), "SMTP_FROM") {
		t.Errorf("%v: %s", err, out.String())
	}
}
