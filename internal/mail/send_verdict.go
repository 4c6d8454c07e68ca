package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"slices"
)

// Verdict is what a Send means for the invite.
type Verdict string

// What to do next is the caller's; these say only what happened.
const (
	Delivered     Verdict = "delivered"     // the server has taken the mail over
	Retry         Verdict = "retry"         // not taken, and may be another time
	Throttled     Verdict = "throttled"     // not taken because of too much or too fast: wait, without burning an attempt
	Refused       Verdict = "refused"       // not taken, and never will be: this recipient, or this message
	Misconfigured Verdict = "misconfigured" // no mail can go this way until someone mends the settings or the server
	Unknown       Verdict = "unknown"       // the whole mail went out and no reply came: it may or may not be delivered
)

// Stage is how far a Send had come.
type Stage string

// In the order of a conversation.
const (
	StageMessage Stage = "message" // building the mail; the server was not asked
	StageConnect Stage = "connect" // dialling, greeting, EHLO
	StageTLS     Stage = "tls"
	StageAuth    Stage = "auth"
	StageMail    Stage = "mail" // MAIL FROM
	StageRcpt    Stage = "rcpt"
	StageData    Stage = "data" // DATA and the content, up to the final dot
	StageBody    Stage = "body" // after the final dot
)

// Result is one attempt. It can be kept and shown as it is: it holds no full
// email address, no link and no secret.
type Result struct {
	Verdict  Verdict
	Stage    Stage  // where it ended; StageBody if delivered
	Code     int    // the server's reply code, 0 if it gave none
	Enhanced string // its enhanced status code (RFC 3463), like 5.1.1, or empty
	Said     string // its words, or ours for an error on the way; at most 200 characters
	Server   string // host:port
}

// classify is the whole policy. local means that the fault is neither a reply
// nor a broken connection: the certificate is not trusted, no way to log in is
// offered, the address cannot be written for this server.
func classify(stage Stage, code int, enhanced string, local bool) Verdict {
	switch {
	case code == 0 && local:
		return permanent(stage, code, enhanced)
	case code == 0 && stage == StageBody:
		return Unknown
	case code == 0:
		return Retry
	case code == 421, code == 450, code == 454:
		return Throttled
	case code/100 == 4:
		return Retry
	case code/100 == 5:
		return permanent(stage, code, enhanced)
	case stage == StageBody:
		return Unknown // A reply that makes no sense here says nothing about the mail.
	default:
		return Retry
	}
}

// permanent tells a fault of this mail from one of every mail. Before RCPT the
// server knows nothing of the recipient. Later, it may still speak of us: many
// servers hold back their objections to the client and the sender until RCPT.
func permanent(stage Stage, code int, enhanced string) Verdict {
	if slices.Contains([]Stage{StageConnect, StageTLS, StageAuth, StageMail}, stage) {
		return Misconfigured
	}
	switch code {
	case 530, 534, 535, 538: // Authentication, or encryption, required (RFC 4954, section 6).
		return Misconfigured
	}
	switch enhanced {
	case "5.1.7", "5.1.8", "5.7.8", "5.7.9", "5.7.11": // Bad sender address; the login again (RFC 3463, 5248).
		return Misconfigured
	}
	return Refused
}

// fault is an error with the stage it happened at.
type fault struct {
	stage Stage
	err   error
}

func (f *fault) Error() string { return fmt.Sprintf("%s: %v", f.stage, f.err) }
func (f *fault) Unwrap() error { return f.err }

// at wraps err for its stage; nil stays nil.
func at(stage Stage, err error) error {
	if err == nil {
		return nil
	}
	return &fault{stage: stage, err: err}
}

// replyIn returns the server's code and words, if err is a reply.
func replyIn(err error) (code int, words string) {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		return reply.Code, reply.Msg
	}
	return 0, ""
}

// isBroken tells a connection that failed, or spoke no SMTP, from a decision
// somebody took. A TLS alert comes as a net.OpError too, and is a decision.
func isBroken(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op != "remote error" && op.Op != "local error"
	}
	for _, broken := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrShortWrite, net.ErrClosed, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, broken) {
			return true
		}
	}
	_, garbled := errors.AsType[textproto.ProtocolError](err)
	return garbled
}

var enhancedPattern = regexp.MustCompile(`(?m)^([245]\.\d{1,3}\.\d{1,3})(?:\s+|$)`)

// splitEnhanced takes the enhanced code off the words; a reply of several
// lines repeats it on each (RFC 2034, section 4).
func splitEnhanced(words string) (enhanced, rest string) {
	if match := enhancedPattern.FindStringSubmatch(words); match != nil {
		enhanced = match[1]
	}
	return enhanced, enhancedPattern.ReplaceAllString(words, "")
}
