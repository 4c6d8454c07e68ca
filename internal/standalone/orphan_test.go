package standalone

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rs/zerolog"
)

// owner is another process that started a private PostgreSQL.
type owner struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	server int // The server's process.
	url    string
}

// startOwner runs this test binary as the owner of dir, as that account.
func startOwner(t *testing.T, binary, dir string, as account) *owner {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Env = append(os.Environ(), ownerFolder+"="+dir)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as.credential()}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the owner said %q: %v", line, err)
	}
	o := &owner{cmd: cmd, stdin: stdin}
	if _, err := fmt.Sscan(line, &o.server, &o.url); err != nil {
		t.Fatalf("the owner said %q: %v", line, err)
	}
	return o
}

func (o *owner) kill(t *testing.T) {
	t.Helper()
	if err := o.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = o.cmd.Wait() // Always "signal: killed".
}

func itself(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestEverythingKilledAtOnce(t *testing.T) {
	t.Parallel()
	dir := openFolder(t)
	o := startOwner(t, itself(t), dir, account{})
	query[int](t, o.url, keep)
	// The server is killed first, so that it can't end cleanly. Its own processes still run when the next start begins.
	if err := syscall.Kill(o.server, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	o.kill(t)
	if got := query[int](t, startTestPostgres(t, dir).URL(), kept); got != value {
		t.Fatalf("what was committed before the kill: %d", got)
	}
}

// Without a parent-death signal, a server outlives its owner.
func TestOrphanIsEndedByTheNextStart(t *testing.T) {
	t.Parallel()
	dir := openFolder(t)
	orphan := startTestPostgres(t, dir)
	query[int](t, orphan.URL(), keep)
	if err := orphan.lock.Unlock(); err != nil { // As the kernel does for a dead owner.
		t.Fatal(err)
	}
	next := startTestPostgres(t, dir)
	<-orphan.Done()
	if got := query[int](t, next.URL(), kept); got != value {
		t.Fatalf("after the orphan the table holds %d", got)
	}
}

// After a container restarts, the number in postmaster.pid may soon belong to another process. PostgreSQL itself
// refuses to start if that is the same user's.
func TestForeignProcessInThePidFile(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"%d\n", ""} {
		dir := openFolder(t)
		if err := startTestPostgres(t, dir).Stop(); err != nil {
			t.Fatal(err)
		}
		data := filepath.Join(dir, "cluster")
		as, err := accountFor(data)
		if err != nil {
			t.Fatal(err)
		}
		bystander := exec.CommandContext(t.Context(), "sleep", "600")
		bystander.SysProcAttr = &syscall.SysProcAttr{Credential: as.credential()}
		if err := bystander.Start(); err != nil {
			t.Fatal(err)
		}
		if content != "" {
			content = fmt.Sprintf(content, bystander.Process.Pid)
		}
		pidFile := filepath.Join(data, "postmaster.pid")
		if err := os.WriteFile(pidFile, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := as.own(pidFile); err != nil {
			t.Fatal(err)
		}
		if err := startTestPostgres(t, dir).Stop(); err != nil {
			t.Fatal(err)
		}
		if err := bystander.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("the bystander was harmed: %v", err)
		}
		_ = bystander.Process.Kill()
		_ = bystander.Wait()
	}
}

func TestHalfMadeClusterIsReplaced(t *testing.T) {
	t.Parallel()
	dir := openFolder(t)
	half := filepath.Join(dir, "cluster.new")
	if err := os.MkdirAll(filepath.Join(half, "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	p, err := StartPostgres(t.Context(), PostgresConfig{Dir: dir, Ephemeral: true, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(half); !os.IsNotExist(err) {
		t.Errorf("the half-made cluster is still there: %v", err)
	}
}

// An ordinary user starts the folder, then root does, then the user again.
func TestOrdinaryUserAndRootShareAFolder(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can start a process as another user")
	}
	as, err := accountFor("/nowhere")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(openFolder(t), "owner") // Others can't reach Go's build folder.
	content, err := os.ReadFile(itself(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, content, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(openFolder(t), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := as.own(dir); err != nil {
		t.Fatal(err)
	}

	first := startOwner(t, binary, dir, as)
	query[int](t, first.url, keep)
	first.end(t)
	asRoot := startTestPostgres(t, dir)
	if got := query[int](t, asRoot.URL(), kept); got != value {
		t.Fatalf("root found %d", got)
	}
	if err := asRoot.Stop(); err != nil {
		t.Fatal(err)
	}
	again := startOwner(t, binary, dir, as)
	if got := query[int](t, again.url, kept); got != value {
		t.Fatalf("the user found %d", got)
	}
	again.end(t)
}

// end makes the owner stop by itself.
func (o *owner) end(t *testing.T) {
	t.Helper()
	if err := o.stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := o.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}
