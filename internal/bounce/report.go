package bounce

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	netmail "net/mail"
	"slices"
	"strings"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/textproto"

	"portal-invites/internal/mail"
)

// Report is what a message says of mails that came back.
type Report struct {
	ID         string // its own Message-ID, without angle brackets; may be empty
	Original   Original
	Recipients []Recipient // of a delivery report
	Complaint  *Complaint  // of a reader's complaint; then there are no Recipients
}

// Original is the mail that came back, as far as the report quotes it.
type Original struct {
	MessageID string // without angle brackets
	Firm      string // by mail.FirmHeader
	To        string // the one address it was written to, as it stands there
}

// ErrNoReport is of a message that is neither a delivery report nor a complaint.
var ErrNoReport = errors.New("is not a delivery report")

const (
	maxDepth = 8       // of parts within parts
	maxPart  = 1 << 20 // bytes of a machine-readable part, or of the quoted header
)

var errDeep = fmt.Errorf("parts are nested more than %d deep", maxDepth)

// Read takes a message apart. The error is ErrNoReport, or says what is wrong
// with a report that can't be read.
func Read(r io.Reader) (Report, error) {
	entity, err := message.Read(r)
	if soft(err) != nil {
		return Report{}, ErrNoReport // not even a mail
	}
	_, params, _ := entity.Header.ContentType()
	report := Report{ID: messageID(entity.Header.Header)}
	var found bool
	var wrong error
	err = entity.Walk(func(path []int, part *message.Entity, err error) error {
		switch {
		case soft(err) != nil:
			return err
		case len(path) > maxDepth:
			return errDeep
		}
		var machineReadable bool
		machineReadable, wrong = report.take(part, found)
		found = found || machineReadable
		return wrong
	})
	switch {
	case wrong != nil:
		return Report{}, fmt.Errorf("report: %w", wrong)
	case found:
		return report, nil // whatever err is: servers that cut the quoted mail short cut off the last boundary, too
	case !slices.Contains([]string{"delivery-status", "feedback-report"}, strings.ToLower(params["report-type"])):
		return Report{}, ErrNoReport
	case errors.Is(err, errDeep):
		return Report{}, fmt.Errorf("report: %w", err)
	case err != nil:
		return Report{}, errors.New("report: its parts can't be told apart") // the library's error repeats lines of it
	default:
		return Report{}, errors.New("report: has no part that a program can read")
	}
}

// take reads a part if it is one of those that a report is made of; it
// says whether that was the machine-readable one. Only the first of each counts:
// a quoted mail that is a report itself is quoted as one part, and not entered.
func (r *Report) take(part *message.Entity, found bool) (machineReadable bool, err error) {
	mediaType, _, _ := part.Header.ContentType()
	switch strings.ToLower(mediaType) {
	case "message/delivery-status", "message/global-delivery-status":
		if found {
			return false, nil
		}
		r.Recipients, err = readStatus(part.Body)
		return true, err
	case "message/feedback-report":
		if found {
			return false, nil
		}
		r.Complaint, err = readComplaint(part.Body)
		return true, err
	case "message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers":
		if r.Original == (Original{}) {
			r.Original = readOriginal(part.Body)
		}
	}
	return false, nil
}

// soft forgives a charset or a transfer encoding that is not known: codes and
// addresses are ASCII or UTF-8 in any of them.
func soft(err error) error {
	if message.IsUnknownCharset(err) || message.IsUnknownEncoding(err) {
		return nil
	}
	return err
}

// readOriginal takes from a quoted header what is left of it: many servers cut
// it somewhere.
func readOriginal(body io.Reader) Original {
	header, _ := textproto.ReadHeader(bufio.NewReader(io.LimitReader(body, maxPart)))
	o := Original{MessageID: messageID(header), Firm: strings.TrimSpace(header.Get(mail.FirmHeader))}
	if to, err := netmail.ParseAddressList(header.Get("To")); err == nil && len(to) == 1 {
		o.To = to[0].Address
	}
	return o
}

func messageID(header textproto.Header) string {
	return strings.Trim(strings.TrimSpace(header.Get("Message-Id")), "<>")
}

// groups reads a body of header-like groups with empty lines between them
// (RFC 3464, section 2.1).
func groups(body io.Reader) ([]textproto.Header, error) {
	limited := &io.LimitedReader{R: body, N: maxPart}
	lines := bufio.NewReader(limited)
	var all []textproto.Header
	for {
		group, err := textproto.ReadHeader(lines)
		if limited.N == 0 {
			return nil, fmt.Errorf("is larger than %d MB", maxPart>>20)
		}
		if group.Len() > 0 {
			all = append(all, group)
		}
		_, end := lines.Peek(1)
		switch {
		case errors.Is(end, io.EOF), errors.Is(end, io.ErrUnexpectedEOF):
			return all, nil
		case err != nil, end != nil:
			return nil, errors.New("has a line that is no field") // the library's error repeats the line
		}
	}
}
