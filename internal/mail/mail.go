// Package mail defines what a mail is: the [Invitation] it is written from, its [Content], the [Message] that is sent
// to one person, and the [Result] of sending it.
//
// Package compose writes the content of an invitation. Package smtp hands a message to a mail server. Neither knows the
// other, and none of the three knows the database or the broker.
package mail

import "time"

// Content is a mail without its addresses.
type Content struct {
	Subject  string // one line, UTF-8, not yet encoded for a header
	HTML     string
	Text     string
	Language string // the language tag of our own words
	Decline  string // the page for List-Unsubscribe, where a mail program declines by one click; or empty
}

// Message is a mail with its addresses, ready to be sent to one person.
type Message struct {
	MessageID  string // without angle brackets; the same at every attempt, so that a second copy is recognised
	FromName   string // the firm's name, which [SenderName] completes. The address is that of SMTP_FROM
	To, ToName string // one address and a name, which may be empty
	ReplyTo    string // an address, or empty
	FirmID     string // goes into [FirmHeader]; may be empty
	Content    Content
	Date       time.Time // when the mail was written; zero means now
	// MayLeave is asked just before MAIL, and again when the server is ready for the content. An error stops the mail. It
	// may wait some seconds. nil: the mail may always leave.
	MayLeave func() error
}

// FirmHeader names the firm in a mail's header (ADR 25). A bounce quotes the header, so the firm can be found by it. A
// Message-ID would do, but some relays (Amazon SES is one) replace it by their own.
const FirmHeader = "X-Portal-Firm"

// MailHeader has a mail's Message-ID once more, for reports by way of relays that replace it (ADR 155).
const MailHeader = "X-Portal-Mail"
