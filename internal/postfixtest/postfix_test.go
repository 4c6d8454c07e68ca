package postfixtest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/testenv"
)

// postfix is a Postfix that runs for one test.
type postfix struct {
	t      *testing.T
	dir    string
	addr   string // host:port
	roots  *x509.CertPool
	policy *policy
}

// startPostfix starts a Postfix with a mailbox for each of the addresses, and stops it after the test. Lines of main.cf
// that are given take the place of the usual ones.
func startPostfix(t *testing.T, mailboxes []string, instead ...string) *postfix {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("a Postfix needs root: run this as root, in a container for example")
	}
	//nolint:usetesting // no other user may enter a folder of t.TempDir
	dir, err := os.MkdirTemp("", "portal-invites-postfix-")
	p := &postfix{t: t, dir: dir, addr: testenv.FreeAddress(t), policy: startPolicy(t)}
	p.must(err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p.must(os.Chmod(dir, 0o755)) // Postfix's parts run as their own users
	for _, sub := range []string{"conf", "queue", "data", "mail"} {
		p.must(os.Mkdir(p.path(sub), 0o755))
	}
	account, err := user.Lookup("postfix")
	p.must(err)
	uid, err := strconv.Atoi(account.Uid)
	p.must(err)
	p.must(os.Chown(p.path("data"), uid, -1))
	p.must(os.Chown(p.path("mail"), nobody, nobody))
	p.certify()
	p.write("conf/main.cf", withLines(p.mainConfig(), instead))
	p.write("conf/master.cf", p.masterConfig())
	var table strings.Builder
	for _, address := range mailboxes {
		fmt.Fprintf(&table, "%s %s/\n", address, mailbox(address))
	}
	p.write("conf/mailboxes", table.String())
	p.start()
	return p
}

// start runs Postfix in the foreground of a child process, so that no process is left behind, and waits for its
// greeting.
func (p *postfix) start() {
	p.t.Helper()
	//nolint:noctx // it is stopped by its own command
	server := exec.Command("postfix", "-c", p.path("conf"), "start-fg")
	output, err := os.Create(p.path("output"))
	p.must(err)
	server.Stdout, server.Stderr = output, output
	p.must(server.Start())
	ended := make(chan struct{})
	go func() {
		_ = server.Wait() // called at once, since the stop command waits until the process is reaped; any exit code is right
		close(ended)
	}()
	p.t.Cleanup(func() {
		stop := exec.Command("postfix", "-c", p.path("conf"), "stop") //nolint:noctx // the test's context is over
		if out, err := stop.CombinedOutput(); err != nil {
			p.t.Errorf("stop Postfix: %v\n%s", err, out)
		}
		<-ended
		_ = output.Close()
		if p.t.Failed() {
			p.t.Logf("Postfix's output and log:\n%s%s", p.tail("output"), p.tail("log"))
		}
	})
	p.awaitGreeting()
}

// awaitGreeting waits until the server greets whoever connects.
func (p *postfix) awaitGreeting() {
	p.t.Helper()
	testenv.Eventually(p.t, time.Minute, func() error {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(p.t.Context(), "tcp", p.addr)
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		greeting, err := bufio.NewReader(conn).ReadString('\n')
		if err == nil && !strings.HasPrefix(greeting, "220 ") {
			err = fmt.Errorf("greeting: %s", greeting)
		}
		return err
	})
}

// mend gives Postfix its usual configuration, without the lines that a test has put in, and makes it read that.
func (p *postfix) mend() {
	p.t.Helper()
	p.write("conf/main.cf", p.mainConfig())
	out, err := exec.CommandContext(p.t.Context(), "postfix", "-c", p.path("conf"), "reload").CombinedOutput()
	if err != nil {
		p.t.Fatalf("reload Postfix: %v\n%s", err, out)
	}
}

// certify makes Postfix's certificate, which is self-signed.
func (p *postfix) certify() {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p.must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	p.must(err)
	cert, err := x509.ParseCertificate(der)
	p.must(err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	p.must(err)
	p.write("conf/cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	p.write("conf/key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	p.must(os.Chmod(p.path("conf/key.pem"), 0o600))
	p.roots = x509.NewCertPool()
	p.roots.AddCert(cert)
}

// mailbox returns an address's folder below the mail folder.
func mailbox(address string) string {
	local, domain, _ := strings.Cut(address, "@")
	return domain + "/" + local
}

// mails returns the files of an address's mailbox.
func (p *postfix) mails(address string) []string {
	p.t.Helper()
	files, err := filepath.Glob(p.path("mail/" + mailbox(address) + "/new/*"))
	p.must(err)
	return files
}

// delivered counts the mails in all mailboxes.
func (p *postfix) delivered() int {
	p.t.Helper()
	files, err := filepath.Glob(p.path("mail/*/*/new/*"))
	p.must(err)
	return len(files)
}

// queued counts the mails that Postfix still has to deliver.
func (p *postfix) queued() int {
	p.t.Helper()
	left := 0
	for _, queue := range []string{"maildrop", "incoming", "active"} {
		entries, err := os.ReadDir(p.path("queue/" + queue))
		p.must(err)
		left += len(entries)
	}
	return left
}

func (p *postfix) path(name string) string { return filepath.Join(p.dir, filepath.FromSlash(name)) }

func (p *postfix) write(name, content string) {
	p.t.Helper()
	p.must(os.WriteFile(p.path(name), []byte(content), 0o644))
}

// tail returns the end of one of Postfix's files.
func (p *postfix) tail(name string) string {
	content, err := os.ReadFile(p.path(name))
	if err != nil {
		return err.Error() + "\n"
	}
	return string(content[max(0, len(content)-4000):])
}

func (p *postfix) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}
