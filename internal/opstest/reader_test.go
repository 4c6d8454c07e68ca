package opstest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"portal-invites/internal/testenv"
)

// reader is a person with a checkout and two terminals, who types what a page says. Only ports and folders differ from
// the page, since other tests run on this machine. Each is set by its documented variable.
type reader struct {
	pipeline
	shell     string
	checkout  string
	env       []string
	second    *terminal
	ports     ports
	elsewhere *strings.Replacer // replaces the page's addresses and folders by this reader's

	running *exec.Cmd // in the first terminal; nil if nothing runs
	said    *shared
}

type ports struct{ nats, smtp, page, health, postgres string }

// newReader makes a checkout with the built commands and the folders of the repository that a page uses.
func newReader(t *testing.T, shell string, uses ...string) *reader {
	t.Helper()
	f, err := built()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	if err := os.Chmod(filepath.Dir(home), 0o711); err != nil { // PostgreSQL's user must be able to pass
		t.Fatal(err)
	}
	r := &reader{
		pipeline: pipeline{t: t}, shell: shell, checkout: filepath.Join(home, "portal-invites"), env: environment(t, f, home),
	}
	r.must(os.MkdirAll(r.checkout, 0o711))
	r.must(os.Symlink(f.commands, filepath.Join(r.checkout, "bin")))
	for _, folder := range uses {
		r.must(os.CopyFS(filepath.Join(r.checkout, folder), os.DirFS(filepath.Join("../..", folder))))
	}
	for _, port := range []*string{&r.ports.nats, &r.ports.smtp, &r.ports.page, &r.ports.health, &r.ports.postgres} {
		_, *port, err = net.SplitHostPort(testenv.FreeAddress(t))
		r.must(err)
	}
	r.elsewhere = strings.NewReplacer(
		"127.0.0.1:8025", "127.0.0.1:"+r.ports.page, "127.0.0.1:8080", "127.0.0.1:"+r.ports.health,
		"5433", r.ports.postgres, "/tmp/harbor", filepath.Join(home, "harbor"),
	)
	r.second = openTerminal(t, shell, r.checkout, append(r.env, "NATS_URL=nats://127.0.0.1:"+r.ports.nats))
	t.Cleanup(func() { r.stop() })
	return r
}

// start types a command into the first terminal, in the checkout, and returns what it has printed once it is up. It
// stops the command that ran there before.
func (r *reader) start(command, data string) string {
	r.t.Helper()
	r.stop()
	r.said = &shared{}
	//nolint:noctx // stopped by Ctrl-C
	r.running = exec.Command(r.shell, append(shells[r.shell], "-c", r.elsewhere.Replace(command))...)
	r.running.Dir, r.running.Stdout, r.running.Stderr = r.checkout, r.said, r.said
	r.running.Env = append(r.env,
		"STANDALONE_NATS_PORT="+r.ports.nats, "STANDALONE_CATCHER_PORT="+r.ports.smtp,
		"STANDALONE_PAGE_PORT="+r.ports.page, "STANDALONE_POSTGRES_PORT="+r.ports.postgres,
		"STANDALONE_CONSOLE_PORT=0", "HTTP_ADDR=127.0.0.1:"+r.ports.health)
	r.running.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.must(r.running.Start())
	testenv.Eventually(r.t, 2*time.Minute, func() error {
		if !strings.Contains(r.said.String(), "Ctrl-C stops all of it.") {
			return fmt.Errorf("it is not up:\n%s", r.said)
		}
		return nil
	})
	r.look(r.elsewhere.Replace(data))
	return r.said.String()
}

// stop is Ctrl-C in the first terminal.
func (r *reader) stop() {
	r.t.Helper()
	if r.running == nil {
		return
	}
	if r.db != nil { // nil if the command did not start
		r.db.Close()
		r.js.Conn().Close()
	}
	_ = syscall.Kill(-r.running.Process.Pid, syscall.SIGINT)
	if err := r.running.Wait(); err != nil {
		r.t.Errorf("the first terminal's command ended with: %v", err)
	}
	if r.t.Failed() {
		r.t.Logf("the first terminal's command printed:\n%s", r.said)
	}
	r.running = nil
}

// look opens the connections by which the test waits. A person sees without them when something is done.
func (r *reader) look(data string) {
	r.t.Helper()
	nc, err := nats.Connect("nats://127.0.0.1:" + r.ports.nats)
	r.must(err)
	r.js, err = jetstream.New(nc)
	r.must(err)
	password, err := os.ReadFile(filepath.Join(data, "postgres", "password"))
	r.must(err)
	login := "portal:" + strings.TrimSpace(string(password))
	r.db, err = pgxpool.New(r.t.Context(), "postgres://"+login+"@127.0.0.1:"+r.ports.postgres+"/portal_invites")
	r.must(err)
}

// shared is a buffer that several goroutines write and read.
type shared struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *shared) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}
