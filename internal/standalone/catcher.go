package standalone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"portal-invites/internal/standalone/smtpsink"
)

// CatcherConfig says where the mail catcher listens and keeps what it receives.
type CatcherConfig struct {
	// Dir is the folder of the mails, one .eml each.
	Dir string
	// SMTPAddr and HTTPAddr are host:port; 127.0.0.1:0 if empty. On any other address, whoever reaches the page can read
	// every mail and its link.
	SMTPAddr, HTTPAddr string
	Logger             zerolog.Logger
}

// Catcher is a mail server that delivers nothing. It keeps every mail it receives and shows it on a page.
type Catcher struct {
	mails   *maildir
	sink    smtpsink.Config // With the address it listens on.
	trouble *trouble
	http    *http.Server
	url     string
	done    chan struct{}
	stop    sync.Once

	mu     sync.Mutex // guards all below
	smtp   *smtpsink.Server
	down   bool   // smtp is stopped.
	portal Portal // nil: links stay as they are.
}

// Mail is one kept mail in full.
type Mail struct {
	Message
	Text string `json:"text"`
	HTML string `json:"html"`
	Raw  []byte `json:"-"` // As received, below the lines about its envelope.
}

// StartCatcher starts the mail server and its page.
func StartCatcher(cfg CatcherConfig) (*Catcher, error) {
	mails, err := openMaildir(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("start mail catcher: %w", err)
	}
	page, err := net.Listen("tcp", orLoopback(cfg.HTTPAddr))
	if err != nil {
		return nil, fmt.Errorf("start the mail catcher's page: %w", err)
	}
	trouble := &trouble{refused: map[string]bool{}}
	sink := smtpsink.Config{
		Addr:      orLoopback(cfg.SMTPAddr),
		Logger:    cfg.Logger,
		Recipient: trouble.recipient,
		Deliver: func(envelope smtpsink.Envelope) error {
			id, err := mails.add(envelope)
			if err != nil {
				cfg.Logger.Warn().Err(err).Msg("a mail was not kept; its sender was asked to try again")
				return err
			}
			cfg.Logger.Debug().Str("mail", id).Msg("mail caught")
			return trouble.answer()
		},
	}
	receiver, err := smtpsink.Start(sink)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start mail catcher: %w", err), page.Close())
	}
	sink.Addr = receiver.Addr()
	c := &Catcher{
		mails: mails, sink: sink, trouble: trouble, smtp: receiver,
		url:  "http://" + page.Addr().String(),
		done: make(chan struct{}),
	}
	c.http = &http.Server{Handler: c.handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(c.done)
		if err := c.http.Serve(page); !errors.Is(err, http.ErrServerClosed) {
			cfg.Logger.Warn().Err(err).Msg("the mail catcher's page ended")
		}
	}()
	return c, nil
}

// SMTPAddr is where to send mail: host:port.
func (c *Catcher) SMTPAddr() string { return c.sink.Addr }

// URL is the page's address.
func (c *Catcher) URL() string { return c.url }

// Count is the number of mails kept.
func (c *Catcher) Count() int { return c.mails.count() }

// Messages lists mails, newest first. It reads the headers of a mail from its file the first time they are asked for.
func (c *Catcher) Messages(ctx context.Context, q Query) ([]Message, error) {
	messages, _, err := c.mails.list(ctx, q)
	return messages, err
}

// Load reads one mail in full, or returns ErrNoMail. If a mail is too damaged to parse, Load returns what could be
// read, and its source.
func (c *Catcher) Load(id string) (Mail, error) {
	raw, err := c.mails.raw(id)
	if err != nil {
		return Mail{}, err
	}
	content, parseErr := ParseMail(raw)
	if parseErr != nil && content.Text == "" {
		content.Text = "This mail can't be parsed, see its source: " + parseErr.Error()
	}
	received, _ := time.Parse(idLayout, id) // raw has checked the id.
	return Mail{
		Message: Message{ID: id, ReceivedAt: received, Headers: content.Headers},
		Text:    content.Text, HTML: content.HTML, Raw: raw,
	}, nil
}

// Stop ends the mail server, then the page, and waits for both. It may be called more than once.
func (c *Catcher) Stop() {
	c.stop.Do(func() {
		c.mu.Lock()
		c.smtp.Stop()
		c.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := c.http.Shutdown(ctx); err != nil {
			_ = c.http.Close() // A reader keeps its connection; nothing is lost.
		}
		<-c.done
	})
}

func orLoopback(addr string) string {
	if addr == "" {
		return "127.0.0.1:0"
	}
	return addr
}
