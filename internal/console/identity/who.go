// Package identity says who sends a request to the console: by a link for one use, by the headers of a trusted proxy,
// or by OpenID Connect.
package identity

import (
	"crypto/hmac"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// Who is a person at the console. The console knows firms. It does not know which member of an office may see which
// client.
type Who struct {
	Name      string   // what requests say they were asked for by
	Firms     []string // the person is of the office of these firms
	EveryFirm bool     // the person is of every office: the console runs on their own machine
	Ops       bool     // the person operates the pipeline
	ReadOnly  bool     // the person may look, and change nothing

	csrf string // what each form of this person carries
}

// Sees says whether a person may look at a firm.
func (w Who) Sees(firm string) bool { return w.EveryFirm || w.Ops || slices.Contains(w.Firms, firm) }

// Invites says whether a person may invite, resend and remove at a firm.
func (w Who) Invites(firm string) bool {
	return !w.ReadOnly && (w.EveryFirm || slices.Contains(w.Firms, firm))
}

// Replays says whether a person may replay at a firm.
func (w Who) Replays(firm string) bool { return w.Invites(firm) || !w.ReadOnly && w.Ops }

// Operates says whether a person may requeue, discard and rule.
func (w Who) Operates() bool { return w.Ops && !w.ReadOnly }

// CSRF is the secret that each form of the person carries.
func (w Who) CSRF() string { return w.csrf }

// Wrote says whether a form with this secret was made for the person.
func (w Who) Wrote(secret string) bool {
	return w.csrf != "" && hmac.Equal([]byte(w.csrf), []byte(secret))
}

// The groups that give rights, behind the prefix of [Groups].
const (
	opsGroup      = "ops"
	readOnlyGroup = "read-only"
	officeGroup   = "office:" // and the firm's id
)

// Groups reads rights from the names of groups. Other groups mean nothing.
type Groups struct {
	Prefix string // as in portal-, so that portal-ops makes an operator
}

// Who returns the person with the rights of the groups. Nobody is allowed in without one.
func (g Groups) Who(name string, groups []string) (Who, error) {
	w := Who{Name: strings.TrimSpace(name)}
	if w.Name == "" {
		return Who{}, &RefusedError{http.StatusForbidden, "The login has no name."}
	}
	if len([]rune(w.Name)) > longestName {
		return Who{}, &RefusedError{http.StatusForbidden, "The name of the login is too long."}
	}
	for _, group := range groups {
		group, ours := strings.CutPrefix(strings.TrimSpace(group), g.Prefix)
		if !ours {
			continue
		}
		switch firm, office := strings.CutPrefix(group, officeGroup); {
		case group == opsGroup:
			w.Ops = true
		case group == readOnlyGroup:
			w.ReadOnly = true
		case office && firm != "" && !slices.Contains(w.Firms, firm):
			w.Firms = append(w.Firms, firm)
		}
	}
	if !w.Ops && len(w.Firms) == 0 {
		return Who{}, &RefusedError{http.StatusForbidden, "This login is of no firm's office. Ask for the group " +
			g.Prefix + officeGroup + "<firm>."}
	}
	slices.Sort(w.Firms)
	return w, nil
}

// longestName is the longest requested_by of the contract, in characters.
const longestName = 300

// ErrNobody says that the sender of a request has to log in.
var ErrNobody = errors.New("nobody is logged in")

// RefusedError is an answer to a request whose sender is not allowed in.
type RefusedError struct {
	Code    int
	Message string
}

func (r *RefusedError) Error() string { return r.Message }

// Source says who sends requests.
type Source interface {
	// Who returns the sender of a request: [ErrNobody], or a [RefusedError], or the person.
	Who(r *http.Request) (Who, error)
	// Routes adds the pages for logging in and out.
	Routes(mux *http.ServeMux)
}
