// Package smtpsink is a mail server that accepts mail and hands it to a function: the receiving half of the mail
// catcher and of the mailbox in tests.
package smtpsink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/rs/zerolog"
)

const (
	maxMessageBytes = 32 << 20
	maxRecipients   = 1000 // RFC 5321, 4.5.3.1.8 asks for at least 100.
	stopGrace       = 5 * time.Second
)

// ErrDrop makes the server close the connection without an answer if Deliver returns it: the sender can't know whether
// the mail was accepted (RFC 5321, 6.1).
var ErrDrop = errors.New("drop the connection")

// Envelope is one accepted mail as it came over the wire.
type Envelope struct {
	From string   // The return path; empty for a bounce.
	To   []string // Every accepted recipient, in the order given.
	Data []byte   // Header and body, dot-unstuffed. Deliver owns it.
}

// Config says what the server does with mail.
type Config struct {
	// Addr to listen on, such as 127.0.0.1:0. There is no TLS, and every user name and password is accepted.
	Addr string
	// Sender is told of each MAIL command. Optional.
	Sender func(address string)
	// Recipient may refuse a recipient. An *smtp.SMTPError is sent unchanged. Optional.
	Recipient func(address string) error
	// Deliver keeps the mail. The sender gets its 250 only after Deliver returns nil.
	Deliver func(Envelope) error
	Logger  zerolog.Logger
}

// Server is a running mail server.
type Server struct {
	smtp     *smtp.Server
	listener *listener
	done     chan struct{}
	stop     sync.Once
}

// Start listens and serves.
func Start(cfg Config) (*Server, error) {
	inner, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("start mail server on %s: %w", cfg.Addr, err)
	}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{cfg: cfg, conn: c}, nil
	}))
	server.Domain = "localhost"
	server.MaxMessageBytes = maxMessageBytes
	server.MaxRecipients = maxRecipients
	server.AllowInsecureAuth = true
	server.EnableSMTPUTF8 = true
	server.ErrorLog = serverLog{cfg.Logger}

	s := &Server{smtp: server, listener: &listener{Listener: inner, open: map[*conn]struct{}{}}, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		if err := server.Serve(s.listener); !errors.Is(err, net.ErrClosed) {
			cfg.Logger.Warn().Err(err).Msg("the mail server stopped accepting connections")
		}
	}()
	return s, nil
}

// Addr is the address it listens on.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Stop ends the server and every connection and waits for them. A mail that was still coming in gets no answer and is
// not kept. A mail that had come in completely is kept and answered. Stop may be called more than once.
func (s *Server) Stop() {
	s.stop.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
		defer cancel()
		// It is closed here and not by Shutdown, which knows the listener only once Serve has run: a Stop right after Start
		// would leave it open.
		_ = s.listener.Close()
		<-s.done
		s.listener.interrupt()
		if err := s.smtp.Shutdown(ctx); err != nil {
			s.listener.closeAll() // A client does not read our last answer.
		}
	})
}

type session struct {
	cfg  Config
	conn *smtp.Conn
	from string
	to   []string
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.cfg.Sender != nil {
		s.cfg.Sender(from)
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if s.cfg.Recipient != nil {
		if err := s.cfg.Recipient(to); err != nil {
			return err
		}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	var data bytes.Buffer
	if _, err := data.ReadFrom(r); err != nil {
		return temporary(err)
	}
	err := s.cfg.Deliver(Envelope{From: s.from, To: s.to, Data: data.Bytes()})
	if errors.Is(err, ErrDrop) {
		return s.conn.Close()
	}
	return temporary(err)
}

// temporary turns our own failures into a 451, so that the sender tries again. The library would answer 554, which is
// final.
func temporary(err error) error {
	var answer *smtp.SMTPError
	if err == nil || errors.As(err, &answer) {
		return err
	}
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "not kept: " + err.Error()}
}

// Reset drops the slice and does not only shorten it: the last envelope still uses it.
func (s *session) Reset() { s.from, s.to = "", nil }

func (s *session) Logout() error { return nil }

// AuthMechanisms offers AUTH, so that a sender with a password works unchanged. Nothing requires it.
func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth accepts every password and keeps none.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, _, _ string) error { return nil }), nil
}

// serverLog takes the library's log lines. They are all about broken connections, which are normal for a test server.
type serverLog struct{ logger zerolog.Logger }

func (l serverLog) Printf(format string, v ...any) { l.logger.Debug().Msgf("smtp: "+format, v...) }
func (l serverLog) Println(v ...any)               { l.logger.Debug().Msg("smtp: " + fmt.Sprint(v...)) }
