package rolestest

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// row is one row of the table in docs/security.md: an operation, and the roles that can do it.
type row struct {
	verb, subject string
	can           map[string]bool
}

var operation = regexp.MustCompile("^(publish|hear) `([^`]+)`$")

// rows reads the table of docs/security.md.
func rows(t *testing.T) (found []row) {
	t.Helper()
	page, err := os.ReadFile("../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch match := operation.FindStringSubmatch(cells[0]); {
		case cells[0] == "operation":
			columns = cells[2:]
		case match != nil:
			r := row{match[1], match[2], map[string]bool{}}
			for i, cell := range cells[2:] {
				if cell != "can" && cell != "" {
					t.Fatalf("docs/security.md: a cell of %s is %q, and must be empty or can", cells[0], cell)
				}
				r.can[columns[i]] = cell == "can"
			}
			found = append(found, r)
		}
	}
	if !slices.Equal(columns, roles()) {
		t.Fatalf("docs/security.md: the roles are %q, want %q", columns, roles())
	}
	return found
}

// The page says of each role at least 15 things that it can't do, and something that it can.
func TestTheTableIsLongEnough(t *testing.T) {
	t.Parallel()
	for _, role := range roles() {
		can, cannot := 0, 0
		for _, r := range rows(t) {
			if r.can[role] {
				can++
			} else {
				cannot++
			}
		}
		if can == 0 || cannot < 15 {
			t.Errorf("%s can do %d things, and can't do %d", role, can, cannot)
		}
	}
}

// Each cell of the table is tried. What admin does arrives, so an operation that does not arrive was stopped by the
// permissions.
func TestEachRoleCanDoWhatTheTableSays(t *testing.T) {
	t.Parallel()
	table := rows(t)
	eachFile(t, func(t *testing.T, b broker) {
		t.Helper()
		admin := b.as(t, "admin")
		for _, r := range table {
			if !works(t, r, admin, admin) {
				t.Errorf("%s %s: it does not work for admin, so the row shows nothing", r.verb, r.subject)
			}
		}
		for _, role := range roles() {
			nc := b.as(t, role)
			for _, r := range table {
				if got := works(t, r, nc, admin); got != r.can[role] {
					t.Errorf("%s can %s %s: %v, and the page says %v", role, r.verb, r.subject, got, r.can[role])
				}
			}
		}
	})
}

// works tries an operation: whether admin hears what the role publishes, or the role hears what admin publishes.
func works(t *testing.T, r row, role, admin *nats.Conn) bool {
	t.Helper()
	if r.verb == "publish" {
		return arrives(t, r.subject, role, admin, []string{r.subject})
	}
	return arrives(t, r.subject, admin, role, wider(r.subject))
}

// arrives publishes once, and says whether one of the subscriptions has got it. A flush returns when the broker has
// handled all that was sent before. So nothing has to be waited for.
func arrives(t *testing.T, subject string, from, to *nats.Conn, subscriptions []string) bool {
	t.Helper()
	var subs []*nats.Subscription
	for _, wanted := range subscriptions {
		plain, err := to.SubscribeSync(wanted)
		if err != nil {
			t.Fatal(err)
		}
		queued, err := to.QueueSubscribeSync(wanted, "portal-invites")
		if err != nil {
			t.Fatal(err)
		}
		subs = append(subs, plain, queued)
	}
	flush(t, to)
	if err := from.Publish(subject, []byte("tried")); err != nil {
		t.Fatal(err)
	}
	flush(t, from)
	flush(t, to)
	heard := false
	for _, sub := range subs {
		if n, _, err := sub.Pending(); err == nil && n > 0 {
			heard = true
		}
		_ = sub.Unsubscribe()
	}
	flush(t, to)
	return heard
}

func flush(t *testing.T, nc *nats.Conn) {
	t.Helper()
	if err := nc.FlushTimeout(patience); err != nil {
		t.Fatal(err)
	}
}

// wider returns a subject and every wildcard subject that has it.
func wider(subject string) []string {
	all := []string{subject, ">"}
	tokens := strings.Split(subject, ".")
	for i := 1; i < len(tokens); i++ {
		all = append(all, strings.Join(tokens[:i], ".")+".>")
	}
	for i := range tokens {
		one := slices.Clone(tokens)
		one[i] = "*"
		all = append(all, strings.Join(one, "."))
	}
	return all
}
