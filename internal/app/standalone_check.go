package app

import (
	"context"
	"errors"
	"fmt"
	"net"

	"portal-invites/internal/events"
	"portal-invites/internal/link"
	"portal-invites/internal/standalone"
	"portal-invites/internal/store"
)

// catcherFrom is the sender of caught mails if SMTP_FROM is not set.
const catcherFrom = "Client portal <invites@portal.example>"

// check reports all that is wrong with the settings and addresses. It changes nothing. The only server it connects to
// is the broker that NATS_URL names: with a forgotten NATS_URL in the shell, the pipeline would wait for that broker
// for ever.
func (s Standalone) check(ctx context.Context) error {
	if err := errors.Join(s.checkSettings(ctx), s.checkPorts()); err != nil {
		return err
	}
	if err := standalone.FolderInUse(s.Data); err != nil { // before the addresses, which its owner uses, too
		return fmt.Errorf("STANDALONE_DATA: %w", err)
	}
	return errors.Join(s.checkAddresses(), s.checkBroker(ctx))
}

// checkSettings checks a worker's settings, with placeholders for those that the parts will supply.
func (s Standalone) checkSettings(ctx context.Context) error {
	w := s.Worker
	if !given("DATABASE_URL", w.Database.URL) {
		w.Database.URL = "postgres://127.0.0.1/"
	}
	if w.Host == "" {
		w.Host, w.Port, w.TLS = "127.0.0.1", 25, "none"
		if w.From == "" {
			w.From = catcherFrom
		}
	}
	if !given("INVITE_LINK_KEY", w.LinkKey) {
		w.LinkKey = link.NewKey()
	}
	_, databaseURL, err := w.config()
	if err != nil {
		return err
	}
	opened, err := store.Open(ctx, databaseURL, 1) // only parses the address; it connects on first use
	if err != nil {
		return err
	}
	opened.Close()
	return nil
}

// listener is an address that this process is going to listen on.
type listener struct{ what, setting, addr string }

func (s Standalone) listeners() []listener {
	var all []listener
	if !given("NATS_URL", s.Broker.URL) {
		all = append(all, listener{"the broker", "STANDALONE_NATS_PORT", onLoopback(s.NATSPort)})
	}
	if !given("DATABASE_URL", s.Database.URL) {
		all = append(all, listener{"the database", "STANDALONE_POSTGRES_PORT", onLoopback(s.PostgresPort)})
	}
	if s.Host == "" {
		all = append(all,
			listener{"the mail catcher", "STANDALONE_CATCHER_PORT", onLoopback(s.CatcherPort)},
			listener{"the page of caught mails", "STANDALONE_PAGE_PORT", onLoopback(s.PagePort)})
	}
	all = append(all, listener{"the console", "STANDALONE_CONSOLE_PORT", onLoopback(s.ConsolePort)})
	if s.Addr != "" {
		all = append(all, listener{"health and metrics", "HTTP_ADDR", s.Addr})
	}
	return all
}

func (s Standalone) checkPorts() error {
	var errs []error
	for _, port := range []struct {
		setting string
		number  int
	}{
		{"STANDALONE_NATS_PORT", s.NATSPort}, {"STANDALONE_POSTGRES_PORT", s.PostgresPort},
		{"STANDALONE_CATCHER_PORT", s.CatcherPort}, {"STANDALONE_PAGE_PORT", s.PagePort},
		{"STANDALONE_CONSOLE_PORT", s.ConsolePort},
	} {
		if port.number < 0 || port.number > 65535 {
			errs = append(errs, fmt.Errorf("%s: must be 0 to 65535 (example: 0, which takes a free one)", port.setting))
		}
	}
	return errors.Join(errs...)
}

// checkAddresses listens on all addresses at the same time and closes them again. So it also notices if two settings
// have the same address.
func (s Standalone) checkAddresses() error {
	var errs []error
	for _, l := range s.listeners() {
		probe, err := net.Listen("tcp", l.addr)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %s can't listen on %s; choose another, port 0 takes a free one: %w",
				l.setting, l.what, l.addr, err))
			continue
		}
		defer func() { _ = probe.Close() }() // not before all of them are open
	}
	return errors.Join(errs...)
}

// checkBroker connects to the broker that NATS_URL names, and checks that it has JetStream.
func (s Standalone) checkBroker(ctx context.Context) error {
	if !given("NATS_URL", s.Broker.URL) {
		return nil
	}
	const advice = "start that broker, or unset NATS_URL: then standalone starts its own"
	nc, js, err := s.Connect("standalone")
	if err != nil {
		return fmt.Errorf("%w; %s", err, advice)
	}
	defer nc.Close()
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if _, err := js.AccountInfo(ctx); err != nil {
		return fmt.Errorf("NATS_URL: the broker at %s has no JetStream; %s: %w", s.Address(), advice, err)
	}
	if given("DATABASE_URL", s.Database.URL) || standalone.HasPostgres(s.postgresDir()) {
		return nil // the workers compare the database with the streams when they start
	}
	owners, err := events.Owners(ctx, js)
	if err != nil {
		return fmt.Errorf("NATS_URL: %w", err)
	}
	for _, owner := range owners {
		if owner != "" {
			return fmt.Errorf("NATS_URL: the broker at %s is in use by workers with another database, "+
				"and a new database would get a share of their events; unset NATS_URL: then standalone starts its own broker, "+
				"or set DATABASE_URL to their database", s.Address())
		}
	}
	return nil
}
