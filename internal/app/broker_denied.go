package app

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// denials are the subjects that the broker did not permit since the last connect.
type denials struct {
	mu   sync.Mutex
	last map[string]time.Time // by what was denied, when it was denied last; guarded by mu
}

const (
	// deniedFor is how long a denied publish counts. A stage that needs it tries again every few seconds. A denied
	// subscription counts until the next connect, because nothing tries it again.
	deniedFor = time.Minute
	// mostDenied bounds the memory. A caller of the services may choose any reply subject.
	mostDenied = 50
	mostShown  = 5
)

// add notes a permission violation. It returns what was denied, and whether that is new.
func (d *denials) add(err error, now time.Time) (what string, first bool) {
	what = deniedAction(err)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last == nil {
		d.last = map[string]time.Time{}
	}
	last, known := d.last[what]
	if !known && len(d.last) >= mostDenied {
		return what, false
	}
	d.last[what] = now
	return what, !known || now.Sub(last) > deniedFor
}

func (d *denials) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = nil
}

// current returns an error that names what the worker itself needs and is not permitted.
func (d *denials) current(now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var missing []string
	for what, last := range d.last {
		subject, publish := strings.CutPrefix(what, "publish to ")
		if !publish || needed(subject) && now.Sub(last) < deniedFor {
			missing = append(missing, what)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	if n := len(missing) - mostShown; n > 0 {
		missing = append(missing[:mostShown], fmt.Sprintf("and %d more", n))
	}
	return shownError{"not permitted to " + strings.Join(missing, ", ")}
}

// needed says whether the worker itself publishes to a subject. It publishes answers to any reply subject that a caller
// names, so a denied answer is the caller's fault and not the worker's trouble.
func needed(subject string) bool {
	for _, own := range []string{"$JS.", "$SRV.", "portal."} {
		if strings.HasPrefix(subject, own) {
			return true
		}
	}
	return false
}

var deniedPattern = regexp.MustCompile(`(?i)permissions violation for (publish|subscription) to "([^"]+)"`)

// uniqueToken is the token of an inbox that is never the same.
var uniqueToken = regexp.MustCompile(`\b[0-9A-Za-z]{22}\b`)

// deniedAction is what a permission violation denies, such as "publish to portal.dead.>".
func deniedAction(err error) string {
	match := deniedPattern.FindStringSubmatch(err.Error())
	if match == nil {
		return "do this: " + err.Error()
	}
	subject := uniqueToken.ReplaceAllString(match[2], "*")
	// The subject of an acknowledgement ends with the numbers of the message.
	if tokens := strings.Split(subject, "."); tokens[0] == "$JS" && tokens[1] == "ACK" && len(tokens) > 4 {
		subject = strings.Join(tokens[:4], ".") + ".>"
	}
	if strings.EqualFold(match[1], "publish") {
		return "publish to " + subject
	}
	return "subscribe to " + subject
}

// Denied returns an error that names what the broker did not permit, if that is the last thing it said.
func Denied(nc *nats.Conn) error {
	if err := nc.LastError(); errors.Is(err, nats.ErrPermissionViolation) {
		return errors.New("the broker does not permit this user to " + deniedAction(err) +
			" (docs/security.md lists what each role may do)")
	}
	return nil
}
