package bounce

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	netmail "net/mail"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/textproto"

	"portal-invites/internal/mail"
)

// Report is what a message says about a mail that came back.
type Report struct {
	ID         string    // its own Message-ID, without angle brackets; may be empty
	At         time.Time // its Date; zero if it has none
	Original   Original
	Recipients []Recipient // for a delivery report
	Complaint  *Complaint  // for a complaint, which has no Recipients
}

// Original is the mail that came back, as far as the report quotes it.
type Original struct {
	MessageID string // without angle brackets
	Firm      string // from mail.FirmHeader
	To        string // the address in its To header; "" unless there is exactly one

	complainer string // the reader who complained, as Outlook.com notes it in the mail
}

// ErrNoReport says that a message is neither a delivery report nor a complaint.
var ErrNoReport = errors.New("is not a delivery report")

const (
	maxDepth = 8       // how deep parts may be nested
	maxPart  = 1 << 20 // the greatest size of a machine-readable part or a quoted header, in bytes
)

var errDeep = fmt.Errorf("parts are nested more than %d deep", maxDepth)

// Read reads a message. The error is [ErrNoReport], or says why a report can't be read.
func Read(r io.Reader) (Report, error) {
	entity, err := message.Read(r)
	if ignoreEncoding(err) != nil {
		return Report{}, ErrNoReport // not even a mail
	}
	_, params, _ := entity.Header.ContentType()
	report := Report{ID: messageID(entity.Header.Header)}
	report.At, _ = netmail.ParseDate(entity.Header.Get("Date")) // zero if it has none
	reading := reading{report: &report}
	err = reading.walk(entity, 0)
	switch {
	case reading.wrong != nil:
		return Report{}, fmt.Errorf("report: %w", reading.wrong)
	case reading.found:
		report.readText(reading.text)
		return report, nil // even with an error: a server that cuts off the quoted mail cuts off the last boundary, too
	case report.isJMRP(entity.Header):
		report.Complaint = &Complaint{Feedback: "abuse", Recipient: report.Original.complainer}
		return report, nil
	case !slices.Contains([]string{"delivery-status", "feedback-report"}, strings.ToLower(params["report-type"])):
		return Report{}, ErrNoReport
	case errors.Is(err, errDeep):
		return Report{}, fmt.Errorf("report: %w", err)
	case err != nil:
		return Report{}, errors.New("report: its parts can't be separated") // the library's error repeats lines of the report
	default:
		return Report{}, errors.New("report: has no machine-readable part")
	}
}

// reading is a message while it is read.
type reading struct {
	report *Report
	found  bool   // the machine-readable part
	wrong  error  // why that part can't be read
	text   string // the first part for people
}

// walk reads a part and the parts in it. Parts that can't be separated end only the part that they are in.
func (r *reading) walk(part *message.Entity, depth int) error {
	if depth > maxDepth {
		return errDeep
	}
	parts := part.MultipartReader()
	if parts == nil {
		return r.take(part)
	}
	var broken error
	for {
		next, err := parts.NextPart()
		switch {
		case errors.Is(err, io.EOF):
			return broken
		case ignoreEncoding(err) != nil:
			return err
		}
		if err := r.walk(next, depth+1); err != nil {
			broken = err
		}
		if r.wrong != nil || errors.Is(broken, errDeep) {
			return broken
		}
	}
}

// take reads a part if it belongs to a report. Only the first part of each sort counts. A quoted mail that is itself a
// report is one part, and its parts are not read.
func (r *reading) take(part *message.Entity) error {
	mediaType, _, _ := part.Header.ContentType()
	switch strings.ToLower(mediaType) {
	case "message/delivery-status", "message/global-delivery-status":
		if !r.found {
			r.found = true
			r.report.Recipients, r.wrong = readStatus(part.Body)
		}
	case "message/feedback-report":
		if !r.found {
			r.found = true
			r.report.Complaint, r.wrong = readComplaint(part.Body)
		}
	case "message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers":
		if r.report.Original == (Original{}) {
			r.report.Original = readOriginal(part.Body)
		}
	case "text/plain":
		if r.text == "" {
			// What can't be read of it proves nothing.
			text, _ := io.ReadAll(io.LimitReader(part.Body, maxPart))
			r.text = string(text)
		}
	}
	return r.wrong
}

// ignoreEncoding drops an error about an unknown charset or transfer encoding: codes and addresses are ASCII or UTF-8
// in all of them.
func ignoreEncoding(err error) error {
	if message.IsUnknownCharset(err) || message.IsUnknownEncoding(err) {
		return nil
	}
	return err
}

// readOriginal reads as much as it can of a quoted header, since many servers cut it off.
func readOriginal(body io.Reader) Original {
	header, _ := textproto.ReadHeader(bufio.NewReader(io.LimitReader(body, maxPart)))
	o := Original{
		MessageID: ourID(header), Firm: strings.TrimSpace(header.Get(mail.FirmHeader)),
		complainer: strings.TrimSpace(header.Get("X-HmXmrOriginalRecipient")),
	}
	if to, err := netmail.ParseAddressList(header.Get("To")); err == nil && len(to) == 1 {
		o.To = to[0].Address
	}
	return o
}

// ourID is the Message-ID that the mail left with. A relay on the way may have replaced it.
func ourID(header textproto.Header) string {
	if id := strings.TrimSpace(header.Get(mail.MailHeader)); mail.IsMessageID(id) {
		return id
	}
	return messageID(header)
}

func messageID(header textproto.Header) string {
	return strings.Trim(strings.TrimSpace(header.Get("Message-Id")), "<>")
}

// groups reads a body of groups of header fields, with empty lines between them (RFC 3464, section 2.1).
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
			return nil, errors.New("has a line that is not a field") // the library's error repeats the line
		}
	}
}
