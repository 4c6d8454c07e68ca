package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"portal-invites/internal/mail"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/rules"
)

// senders reads the file of SMTP_SENDERS, which has the senders that firms may name (ADR 113). It is read once. Errors
// name the sender and the field.
func (s SMTP) senders() ([]pipeline.Sender, error) {
	if s.Senders == "" {
		return nil, nil
	}
	content, err := os.ReadFile(s.Senders)
	if err != nil {
		return nil, fmt.Errorf("SMTP_SENDERS: %w", err)
	}
	entries := map[string]yaml.Node{}
	if err := yaml.Unmarshal(content, &entries); err != nil {
		return nil, fmt.Errorf("SMTP_SENDERS: %s has no senders in YAML, each a name with its fields "+
			"(example: north: {from: portal@mail.north.example, host: smtp.example.com}): %w", s.Senders, err)
	}
	if len(entries) == 0 {
		return nil, fmt.Errorf("SMTP_SENDERS: %s names no sender", s.Senders)
	}
	var list []pipeline.Sender
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		node := entries[name]
		sender, err := s.sender(name, &node)
		list = append(list, sender)
		for _, line := range lines(err) {
			errs = append(errs, fmt.Errorf("SMTP_SENDERS: %s: %s", name, mail.SenderFields(line)))
		}
	}
	return list, errors.Join(errs...)
}

// lines are the single problems of a joined error.
func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

// sender makes a sender of an entry. Each field is the setting that has this name with SMTP_ before it. The server and
// the login are never the default sender's, and its limits of connections are.
func (s SMTP) sender(name string, node *yaml.Node) (pipeline.Sender, error) {
	e := entry{values: map[string]string{}}
	if !rules.IsSenderName(name) {
		e.wrong("the name must be up to 64 letters, digits, dots, hyphens or underscores (example: north)")
	}
	e.read(node)
	own := SMTP{
		Host: e.values["host"], Port: e.number("port", implicitPort), Username: e.values["username"],
		Password: e.secret("password"), TokenFile: e.values["oauth_token_file"],
		TokenCommand: e.values["oauth_token_command"],
		From:         e.values["from"], TLS: e.values["tls"], CA: e.values["ca"],
		ClientCert: e.values["client_cert"], ClientKey: e.values["client_key"], Hello: e.or("hello", s.Hello),
		DKIM: DKIM{
			Domain: e.values["dkim_domain"], Selector: e.values["dkim_selector"], Key: e.secret("dkim_key"),
		},
		Connections:     e.number("connections", s.Connections),
		ConnectionIdle:  e.duration("connection_idle", s.ConnectionIdle),
		ConnectionAge:   e.duration("connection_age", s.ConnectionAge),
		ConnectionMails: e.number("connection_mails", s.ConnectionMails),
		Rate:            e.rate("rate"), DomainRate: e.rate("domain_rate"),
	}
	cfg, err := own.settled()
	if token := cfg.Token; token != nil {
		cfg.Token = func(ctx context.Context) (string, error) {
			got, err := token(ctx)
			if err != nil {
				err = errors.New(mail.SenderFields(err.Error()))
			}
			return got, err
		}
	}
	e.checkSigner(own.DKIM)
	return pipeline.Sender{
		Name: name, SMTP: cfg, Connections: own.Connections, Rate: float64(own.Rate), DomainRate: float64(own.DomainRate),
	}, errors.Join(errors.Join(e.errs...), err)
}

// implicitPort is SMTP_PORT's default.
const implicitPort = 587

// senderFields are the fields of an entry, in the order of the settings.
var senderFields = []string{
	"from", "host", "port", "username", "password", "password_file", "oauth_token_file", "oauth_token_command",
	"signed_by", "dkim_domain", "dkim_selector", "dkim_key", "dkim_key_file", "tls", "ca", "client_cert", "client_key",
	"hello", "connections", "connection_idle", "connection_age", "connection_mails", "rate", "domain_rate",
}

// entry has the fields of one sender, and collects what is wrong with them.
type entry struct {
	values map[string]string
	errs   []error
}

func (e *entry) wrong(format string, args ...any) {
	e.errs = append(e.errs, fmt.Errorf(format, args...))
}

func (e *entry) read(node *yaml.Node) {
	if node.Kind != yaml.MappingNode {
		e.wrong("must have fields (example: {from: portal@mail.north.example, host: smtp.example.com})")
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		field, value := node.Content[i].Value, node.Content[i+1]
		_, twice := e.values[field]
		switch {
		case !slices.Contains(senderFields, field):
			e.wrong("%s: there is no such field; the fields are %s", field, strings.Join(senderFields, ", "))
		case twice:
			e.wrong("%s: occurs twice", field)
		case value.Kind != yaml.ScalarNode || value.Tag == "!!null":
			e.wrong("%s: must have one value; leave out a field that has none", field)
		default:
			e.values[field] = value.Value
		}
	}
}

func (e *entry) or(field, otherwise string) string {
	if value, given := e.values[field]; given {
		return value
	}
	return otherwise
}

func (e *entry) number(field string, otherwise int) int {
	value, given := e.values[field]
	if !given {
		return otherwise
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		e.wrong("%s: must be a number", field)
		return otherwise
	}
	return n
}

func (e *entry) duration(field string, otherwise time.Duration) time.Duration {
	value, given := e.values[field]
	if !given {
		return otherwise
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		e.wrong("%s: must be a duration (example: 30s)", field)
		return otherwise
	}
	return d
}

func (e *entry) rate(field string) (r Rate) {
	if value, given := e.values[field]; given {
		if err := r.UnmarshalText([]byte(value)); err != nil {
			e.wrong("%s: %w", field, err)
		}
	}
	return r
}

// secret is the value of a field, or what is in the file that the field with _file names.
func (e *entry) secret(field string) string {
	path, inFile := e.values[field+"_file"]
	if !inFile {
		return e.values[field]
	}
	if e.values[field] != "" {
		e.wrong("%s: is set, and so is %s_file; use one of them", field, field)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		e.wrong("%s_file: %w", field, err)
	}
	return strings.TrimSpace(string(content))
}

// checkSigner requires that the entry says who signs its mails. A key that was forgotten beside others that are set
// would be noticed by spam filters only.
func (e *entry) checkSigner(own DKIM) {
	switch by := e.values["signed_by"]; {
	case by != "" && by != "server":
		e.wrong("signed_by: must be server, or left out where dkim_key is set (example: server)")
	case by == "server" && own != (DKIM{}):
		e.wrong("signed_by: is server, and so dkim_domain, dkim_selector and dkim_key must be left out")
	case by == "" && own.Key == "":
		e.wrong("dkim_key: missing; if the mail server signs the mails, say so (signed_by: server)")
	}
}
