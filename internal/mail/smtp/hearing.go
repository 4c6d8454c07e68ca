package smtp

import (
	"cmp"
	"errors"
	"net/textproto"
	"slices"
	"time"

	"portal-invites/internal/mail"
)

// hearing is what was heard of a group.
type hearing struct {
	err       error // the first
	rightly   bool  // the replies make sense for the group
	misplaced bool  // a reply is to another command than the one that it was taken for, so one before it may be, too
}

// hearAll reads the replies to a group. If late is not nil, it is called when the next reply does not come soon, unless
// one has refused: only the last reply shows then whether one is missing.
func (c *conn) hearAll(commands []command, sent error, late func()) (h hearing) {
	for _, command := range commands {
		if late != nil && h.err == nil && !c.speaks() {
			late()
		}
		c.session.allow(c.cfg.Timeouts.Reply)
		err := c.heard(command, sent)
		h.misplaced = misplaced(command, err, h.err != nil)
		switch {
		case h.err != nil && !refused(err): // it waits for a content that nobody sends
			c.session.astray = true
			return h
		case h.err == nil && err != nil:
			if h.err = err; !orderly(err) {
				h.rightly = understood(command, err)
				return h
			}
		}
	}
	if err := c.isReady(); err != nil {
		return hearing{err: cmp.Or(h.err, err), misplaced: h.err != nil}
	}
	h.rightly = true
	return h
}

// soon is how long a reply is waited for until it is late.
const soon = time.Second

// speaks says whether something of the server comes soon. It reads nothing of it.
func (c *conn) speaks() bool {
	s := c.session
	if s.says() {
		return true
	}
	s.allow(c.soon)
	_, err := s.lines.from.Peek(1)
	return err == nil
}

// misplaced says whether a reply can't be the one to this command, and may hide a refusal: the server has lost a reply,
// or sent one too many. If it accepts all and sends one too many, nothing is hidden.
func misplaced(command command, err error, behindRefusal bool) bool {
	code, _ := replyIn(err)
	switch {
	case code/100 == 3:
		return true
	case !behindRefusal:
		return false
	case err == nil: // DATA may be accepted although nobody is to get the mail (RFC 2920, section 3.1)
		return command.step != mail.StepData
	default:
		return code/100 == 2 || isTimeout(err)
	}
}

// silentAtMail says whether err is no answer to MAIL in time, or no SMTP. Behind a content, that is a sign that the
// server has lost the commands: the connection has just worked.
func silentAtMail(err error) bool {
	_, garbled := errors.AsType[textproto.ProtocolError](err)
	return stepOf(err) == mail.StepMail && (garbled || isTimeout(err))
}

// refused says whether err is a reply that refuses a command.
func refused(err error) bool {
	code, _ := replyIn(err)
	return code/100 == 4 || code/100 == 5
}

// understood says whether err is no sign that the server has lost a command of the group. A connection that it has
// dropped while it rested fails at MAIL.
func understood(command command, err error) bool {
	code, _ := replyIn(err)
	if code == 0 {
		return command.step == mail.StepMail
	}
	return refused(err) && !slices.Contains([]int{500, 502, 503}, code)
}
