package standalone

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/emersion/go-smtp"

	"portal-invites/internal/standalone/smtpsink"
)

// trouble is what the mail server does wrong on request, to show how the pipeline reacts (see docs/operations.md).
type trouble struct {
	mu      sync.Mutex      // guards all below
	refused map[string]bool // Addresses, in lower case, that have no mailbox.
	losing  int             // The number of coming mails that are kept without an answer.
}

func (t *trouble) recipient(address string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refused[strings.ToLower(address)] {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	}
	return nil
}

// answer is the answer to the sender of a mail that was kept.
func (t *trouble) answer() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.losing > 0 {
		t.losing--
		return smtpsink.ErrDrop
	}
	return nil
}

// makeTrouble takes a form with any of: refuse=ADDRESS and accept=ADDRESS, lose=N (N more mails are kept, and their
// sender gets no answer), down=true or false.
func (c *Catcher) makeTrouble(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		refuse(w, queryError("form: "+err.Error()))
		return
	}
	for name, values := range r.PostForm {
		for _, value := range values {
			//nolint:contextcheck // the mail server stops even if the requester has left
			if err := c.make(name, value); err != nil {
				refuse(w, err)
				return
			}
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (c *Catcher) make(name, value string) error {
	t := c.trouble
	switch name {
	case "down":
		down, err := strconv.ParseBool(value)
		if err != nil {
			return queryError("down: true or false")
		}
		return c.takeDown(down)
	case "lose":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return queryError("lose: a number of mails")
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.losing += n // Added, so that requests need not wait for each other.
	case "refuse", "accept":
		if value == "" {
			return queryError(name + ": an address")
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.refused[strings.ToLower(value)] = name == "refuse"
	default:
		return queryError(fmt.Sprintf("%.20s: must be one of refuse, accept, lose, down", name))
	}
	return nil
}

// takeDown closes the mail server and all its connections, or opens it again on the same address.
func (c *Catcher) takeDown(down bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if down {
		c.smtp.Stop()
		c.down = true
		return nil
	}
	if !c.down {
		return nil
	}
	server, err := smtpsink.Start(c.sink)
	if err != nil {
		return err
	}
	c.smtp, c.down = server, false
	return nil
}
