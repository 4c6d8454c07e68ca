package app

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"text/tabwriter"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/rules"
)

// Describe prints where everything is, without passwords, and what to do next.
func (p *Parts) Describe(w io.Writer, s Standalone) {
	fmt.Fprintf(w, "portal-invites is up. Its data is in %s; a second start continues from there.\n\n", s.Data)
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	if p.Console != nil {
		fmt.Fprintf(table, "  console\t%s\t(who was invited, and why not; this link works once)\n", p.Console.Link)
	}
	if p.Catcher != nil {
		fmt.Fprintf(table, "  mails\t%s\t(every mail is caught; SMTP on %s)\n", p.Catcher.URL(), p.Catcher.SMTPAddr())
	} else {
		fmt.Fprintf(table, "  mails\t%s\t(SMTP_HOST: mails are really sent)\n", s.Host)
	}
	if p.Broker != nil {
		fmt.Fprintf(table, "  broker\t%s\t(JetStream)\n", p.Broker.URL())
	} else {
		fmt.Fprintf(table, "  broker\t%s\t(NATS_URL)\n", s.Address())
	}
	if p.Postgres != nil {
		fmt.Fprintf(table, "  database\t%s\t(password in %s)\n", p.Postgres.Addr(),
			filepath.Join(s.postgresDir(), "password"))
	} else {
		fmt.Fprintf(table, "  database\t\t(DATABASE_URL)\n")
	}
	if _, port, err := net.SplitHostPort(s.Addr); err == nil && port != "0" { // the log has the port that was free
		fmt.Fprintf(table, "  health\thttp://%s/readyz\t(and /livez, /metrics)\n", s.Addr)
	}
	_ = table.Flush()
	if p.Broker != nil && p.Broker.URL() != nats.DefaultURL {
		fmt.Fprintf(w, "\nOther terminals find this broker after: export NATS_URL=%s\n", p.Broker.URL())
	}
	fmt.Fprintln(w, "\nNext: a first event, see README.md. Ctrl-C stops all of it.")
}

// ForDemo is a Standalone on free ports with everything in one folder. It ignores the environment.
func ForDemo(data string, log Log) Standalone {
	keep := smtp.DefaultKeep
	return Standalone{
		Worker: Worker{
			Broker:   Broker{Replicas: 1, TopologyMode: topologyManage},
			Kept:     DefaultKept,
			Database: Database{Migrate: migrateAtStart},
			SMTP:     SMTP{Connections: 4, ConnectionIdle: keep.Idle, ConnectionAge: keep.Age, ConnectionMails: keep.Mails},
			Invites: Invites{
				TTL: rules.DefaultInviteTTL, Cooldown: rules.DefaultResendCooldown,
				OnUnknown: string(pipeline.ResendUnknown), RetryFor: pipeline.DefaultRetryFor,
			},
			Service: Service{ShutdownTimeout: pipeline.DefaultStopWithin, Log: log},
		},
		Data: data,
	}
}
