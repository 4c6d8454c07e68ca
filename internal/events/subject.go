package events

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"portal-invites/internal/rules"
)

// Prefix is the second token of a subject: the sort of event.
type Prefix string

// The prefixes. Each event type has one.
const (
	Facts        Prefix = "facts"
	Requests     Prefix = "events"
	BulkRequests Prefix = "bulk"
	Outcomes     Prefix = "outcomes"
	Dead         Prefix = "dead"
)

// All is the subject filter for everything below the prefix.
func (p Prefix) All() string { return "portal." + string(p) + ".>" }

// Of is the subject filter for everything of one firm below the prefix.
func (p Prefix) Of(firm string) string { return "portal." + string(p) + "." + firm + ".>" }

var firmPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// CheckFirm returns an error if a firm id can't be a token of a subject, or begins with _. Such tokens stand for
// several firms, where operators ask about them.
func CheckFirm(firm string) error {
	if strings.HasPrefix(firm, "_") {
		return errors.New("firm: must not begin with _ (example: acme-cpa)")
	}
	if !firmPattern.MatchString(firm) {
		return errors.New("firm: must be 1 to 64 of the characters A-Z a-z 0-9 _ - (example: acme-cpa)")
	}
	return nil
}

// Subject returns the subject of a firm's event: portal.<prefix>.<firm>.<Type>.
func Subject(firm string, t Type) (string, error) {
	if err := CheckFirm(firm); err != nil {
		return "", err
	}
	prefix, err := t.Prefix()
	if err != nil {
		return "", err
	}
	return strings.Join([]string{"portal", string(prefix), firm, string(t)}, "."), nil
}

// FirmOf returns the firm in a valid subject: its third token.
func FirmOf(subject string) string {
	tokens := strings.SplitN(subject, ".", 4)
	if len(tokens) < 3 {
		return ""
	}
	return tokens[2]
}

// OutcomeSubjects returns the filters of a firm's outcomes with one of these types. The outcomes of InviteSkipped need
// one of the reasons, too, unless there are none. Without types there are all of them, or only skips if there are
// reasons. The filters do not overlap, because the broker would refuse that. An empty firm means all firms.
func OutcomeSubjects(firm string, types []Type, reasons []rules.Code) []string {
	if firm == "" {
		firm = "*"
	}
	prefix := strings.TrimSuffix(Outcomes.Of(firm), ">")
	if len(types) == 0 && len(reasons) == 0 {
		return []string{prefix + ">"}
	}
	var filters []string
	for _, t := range types {
		if t != InviteSkipped {
			filters = append(filters, prefix+string(t))
		} else if len(reasons) == 0 {
			filters = append(filters, prefix+string(t)+".*")
		}
	}
	for _, reason := range reasons {
		filters = append(filters, prefix+string(InviteSkipped)+"."+string(reason))
	}
	slices.Sort(filters)
	return slices.Compact(filters)
}

// InSubjects says whether one of the filters matches a subject.
func InSubjects(filters []string, subject string) bool {
	return slices.ContainsFunc(filters, func(filter string) bool { return matches(filter, subject) })
}

// matches compares a subject with a filter token by token. A star stands for one token, and > for all that follow.
func matches(filter, subject string) bool {
	for {
		want, filterRest, filterGoesOn := strings.Cut(filter, ".")
		have, subjectRest, subjectGoesOn := strings.Cut(subject, ".")
		switch {
		case want == ">":
			return true
		case want != "*" && want != have, filterGoesOn != subjectGoesOn:
			return false
		case !filterGoesOn:
			return true
		}
		filter, subject = filterRest, subjectRest
	}
}

// target holds the tokens of a subject.
type target struct {
	prefix Prefix
	firm   string // the only source of the tenant
	typ    Type
}

func parseSubject(subject string) (target, error) {
	tokens := strings.Split(subject, ".")
	if len(tokens) != 4 || tokens[0] != "portal" {
		return target{}, fmt.Errorf("subject: must be portal.<prefix>.<firm>.<Type>, has %d tokens", len(tokens))
	}
	a := target{prefix: Prefix(tokens[1]), typ: Type(tokens[3])}
	if err := CheckFirm(tokens[2]); err != nil {
		return a, fmt.Errorf("subject: %w", err)
	}
	a.firm = tokens[2]
	prefix, err := a.typ.Prefix()
	if err != nil {
		return a, fmt.Errorf("subject: %w", err)
	}
	if prefix != a.prefix {
		return a, fmt.Errorf("subject: %s belongs on portal.%s.%s.%s, not on portal.%s",
			a.typ, prefix, a.firm, a.typ, a.prefix)
	}
	return a, nil
}
