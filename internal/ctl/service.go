package ctl

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
)

// service has the flags of every command that asks the workers about a firm.
type service struct {
	Firm string `required:"" env:"INVITE_FIRM" placeholder:"FIRM" help:"The firm's id, as in subjects."`
	app.Broker
}

// connection is a connection to the workers of one firm.
type connection struct {
	api.Client
	firm string
	nc   *nats.Conn
	js   jetstream.JetStream
}

func (s service) dial() (connection, error) {
	nc, js, err := s.Connect(name)
	if err != nil {
		return connection{}, err
	}
	return connection{api.NewClient(nc), s.Firm, nc, js}, nil
}

func (conn connection) close() { conn.nc.Close() }

// explainError adds to an error of the service what to do about it.
func (conn connection) explainError(ctx context.Context, err error) error {
	refused, isRefusal := errors.AsType[*api.Error](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, api.ErrNoService):
		return fmt.Errorf("no worker answers on %s: is invite-worker running, and does NATS_URL name its broker?",
			conn.nc.ConnectedUrlRedacted())
	case errors.Is(err, context.DeadlineExceeded) && app.Denied(conn.nc) != nil:
		return app.Denied(conn.nc)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no answer in time from the workers on %s: they may be very busy, or waiting for their database",
			conn.nc.ConnectedUrlRedacted())
	case isRefusal && refused.Code == http.StatusBadRequest:
		return app.UsageError{Err: refused}
	case isRefusal && refused.Code == http.StatusNotFound:
		if unknown := conn.firmUnknown(ctx); unknown != nil {
			return unknown
		}
		return fmt.Errorf("%s: %w", conn.firm, refused)
	case isRefusal && retryable(refused):
		return fmt.Errorf("%w. Try again in a moment", refused)
	default:
		return err
	}
}

// retryable says whether the same call may succeed in a moment.
func retryable(refused *api.Error) bool {
	return refused.Code == http.StatusServiceUnavailable || refused.Code == http.StatusTooManyRequests
}

// allPages asks for one page after another. ask takes a cursor and returns the next one, or "" after the last page.
func allPages(ctx context.Context, ask func(cursor string) (next string, err error)) error {
	for cursor := ""; ; {
		next, err := ask(cursor)
		if err != nil || next == "" {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		cursor = next
	}
}

// leastPrefix is the least number of characters of an id that can be given.
const leastPrefix = 4

// checkPrefix checks the form of an id: all of it, its beginning, or its end.
func checkPrefix(what, id string) error {
	if len(id) < leastPrefix || strings.Trim(strings.ToLower(id), "0123456789abcdef-") != "" {
		return fmt.Errorf("%s: must be an id as the list shows it, or at least %d characters of its beginning or its end",
			what, leastPrefix)
	}
	return nil
}

// uuidLength is the number of characters of the usual text form (RFC 9562, section 4).
const uuidLength = 36

// shortInvite is the end of an invite's id. Its beginning is a time that all invites of one request share.
func shortInvite(id uuid.UUID) string { return id.String()[uuidLength-8:] }

// matchID picks the id that begins or ends with part. It is an error if there is none, or more than one.
func matchID(what, part string, ids []string) (string, error) {
	var found []string
	for _, id := range ids {
		if some := strings.ToLower(part); strings.HasPrefix(id, some) || strings.HasSuffix(id, some) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("there is no %s that begins or ends with %s", what, part)
	case 1:
		return found[0], nil
	default:
		return "", fmt.Errorf("%d %ss begin or end with %s: give more of the id", len(found), what, part)
	}
}
