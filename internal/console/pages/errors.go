package pages

import (
	"context"
	"errors"
	"net/http"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/api"
	"portal-invites/internal/console/identity"
	"portal-invites/internal/console/line"
)

var (
	errNoPage   = errors.New("no such page")
	errAway     = errors.New("the broker does not answer")
	errMayNot   = errors.New("this role may only look")
	errOldForm  = errors.New("the form is of another session")
	errBadInput = errors.New("the form can't be read")
)

func isNotFound(err error) bool {
	refused, is := errors.AsType[*api.Error](err)
	return is && refused.Code == http.StatusNotFound
}

// isAway says whether nobody answers at the moment.
func isAway(err error) bool {
	if refused, is := errors.AsType[*api.Error](err); is {
		return refused.Code >= http.StatusInternalServerError || refused.Code == http.StatusTooManyRequests
	}
	return errors.Is(err, errAway) || errors.Is(err, line.ErrClosed) || errors.Is(err, api.ErrNoService) ||
		errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrNoServers) ||
		errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrReconnectBufExceeded) ||
		errors.Is(err, nats.ErrConnectionReconnecting) || errors.Is(err, nats.ErrDisconnected)
}

// errorPage says what went wrong, and what to do.
type errorPage struct {
	*frame
	Head, Say string
	Again     bool // trying again may help
}

func (s *Site) showError(w http.ResponseWriter, f *frame, err error) {
	code, page := http.StatusInternalServerError, errorPage{frame: f}
	name := "error.broken"
	if refused, is := errors.AsType[*identity.RefusedError](err); is {
		code, page.Say = refused.Code, refused.Message
		name = "error.identity"
	}
	if refused, is := errors.AsType[*api.Error](err); is && refused.Code < http.StatusInternalServerError {
		code, name, page.Say = refused.Code, "error.refused", refused.Message
	}
	switch {
	case errors.Is(err, errNoPage), errors.Is(err, line.ErrNoCredential), isNotFound(err):
		code, name, page.Say = http.StatusNotFound, "error.nopage", ""
	case errors.Is(err, errMayNot):
		code, name = http.StatusForbidden, "error.maynot"
	case errors.Is(err, errOldForm):
		code, name = http.StatusForbidden, "error.oldform"
	case errors.Is(err, errBadInput):
		code, name = http.StatusBadRequest, "error.badinput"
	case isAway(err):
		code, name, page.Say, page.Again = http.StatusServiceUnavailable, "error.away", "", true
		w.Header().Set("Retry-After", "5")
	case code == http.StatusInternalServerError:
		s.Log.Error().Err(err).Str("page", f.request.URL.Path).Msg("a page could not be made")
	}
	page.Head = f.T(name)
	if page.Say == "" {
		page.Say = f.T(name + ".say")
	}
	f.Title, f.Live = page.Head, ""
	s.render(w, f, code, page)
}
