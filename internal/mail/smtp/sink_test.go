package smtp

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"go.uber.org/goleak"

	"portal-invites/internal/mail/mailtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink is a real SMTP server that keeps the mails it receives.
type sink struct {
	server      *smtp.Server
	port        int
	connections atomic.Int32

	mu       sync.Mutex // guards all below
	received []received
	logins   []string
	meeting  func() // called while the content is received
}

type received struct {
	from, to, data string
	utf8, tls      bool
}

// startSink starts a sink on a free port of 127.0.0.1. configure may be nil.
func startSink(tb testing.TB, configure func(*smtp.Server)) *sink {
	tb.Helper()
	s := &sink{meeting: func() {}}
	s.server = smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &sinkSession{sink: s, conn: c}, nil
	}))
	s.server.Domain = "sink.example"
	s.server.ErrorLog = quiet{}
	if configure != nil {
		configure(s.server)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s.port = mailtest.PortOf(tb, listener)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = s.server.Serve(countingListener{listener, &s.connections})
	}()
	tb.Cleanup(func() {
		_ = s.server.Close()
		<-stopped
	})
	return s
}

func (s *sink) whenReceiving(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meeting = f
}

func (s *sink) mails() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.received...)
}

// quiet keeps the server's own log out of the tests' output.
type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

type countingListener struct {
	net.Listener
	count *atomic.Int32
}

func (l countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.count.Add(1)
	}
	return conn, err
}

type sinkSession struct {
	sink    *sink
	conn    *smtp.Conn
	current received
}

func (s *sinkSession) Reset()        { s.current = received{} }
func (s *sinkSession) Logout() error { return nil }

func (s *sinkSession) Mail(from string, o *smtp.MailOptions) error {
	s.current.from, s.current.utf8 = from, o.UTF8
	return nil
}

func (s *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if to == "nobody@example.com" {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no mailbox " + to}
	}
	s.current.to = to
	return nil
}

func (s *sinkSession) Data(r io.Reader) error {
	s.sink.mu.Lock()
	meeting := s.sink.meeting
	s.sink.mu.Unlock()
	meeting()
	data, err := io.ReadAll(r)
	s.current.data = string(data)
	_, s.current.tls = s.conn.TLSConnectionState()
	s.sink.mu.Lock()
	defer s.sink.mu.Unlock()
	s.sink.received = append(s.sink.received, s.current)
	return err
}

func (s *sinkSession) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *sinkSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, username, password string) error {
		s.sink.mu.Lock()
		defer s.sink.mu.Unlock()
		s.sink.logins = append(s.sink.logins, username)
		if username != "postmaster@firm.example" || password != "correct horse" {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}
