package postfixtest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/testenv"
)

// serversVariable names the folder with other mail servers, as scripts/ensure-other-servers.sh unpacks them.
const serversVariable = "POSTFIX_TEST_SERVERS"

// other is a mail server beside Postfix. Debian's packages conflict, so it is unpacked, and not installed.
type other struct {
	program string // below the folder, with its arguments; CONF is its configuration
	config  string // DIR, ROOT, PORT and REFUSES are filled in
	refuses string // the line of the configuration while the login is forgotten
	mended  string // the same line afterwards
	says    string // what it then answers to every recipient
}

// Without a login, both servers refuse everybody with a bare 550. That must not be taken for a missing mailbox.
var others = map[string]other{
	"Exim": {
		program: "usr/sbin/exim4 -bdf", refuses: "deny", mended: "accept", says: "Administrative prohibition",
		config: `exim_user = Debian-exim
exim_group = Debian-exim
exim_path = ROOT/usr/sbin/exim4
spool_directory = /var/spool/mta
log_file_path = /var/spool/mta/%slog
pid_file_path = /var/spool/mta/pid
primary_hostname = mx.portal.example
daemon_smtp_ports = PORT
local_interfaces = 127.0.0.1
rfc1413_query_timeout = 0s
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
tls_advertise_hosts =
acl_smtp_rcpt = recipients
acl_smtp_data = all
begin acl
recipients:
  REFUSES
all:
  accept
begin routers
local:
  driver = accept
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = DIR/mail/good.example/${lookup{$local_part}lsearch,ret=key{DIR/known}}
  maildir_format
  create_directory
  user = nobody
`,
	},
	"OpenSMTPD": {
		program: "usr/sbin/smtpd -d -f CONF", refuses: "match auth from any for any action keep",
		mended: "match from any for any action keep", says: "Invalid recipient",
		config: `listen on 127.0.0.1 port PORT
action keep maildir "DIR/mail/%{rcpt.domain}/%{rcpt.user}" virtual { "@" = nobody }
REFUSES
`,
	},
}

// TestOtherServersWithoutALogin lets the login be forgotten with other mail servers. Nobody fails, and nobody is
// suppressed. When the server takes our mails, everybody gets theirs.
func TestOtherServersWithoutALogin(t *testing.T) {
	t.Parallel()
	root := os.Getenv(serversVariable)
	if root == "" {
		t.Skip("NOT RUN: needs Exim and OpenSMTPD. `make postfix-test` unpacks them on Debian and runs this")
	}
	const clients = 30
	for name, o := range others {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := make([]person, clients)
			for i := range all {
				all[i] = person{id: fmt.Sprintf("P-%05d", i), fate: arrives, email: fmt.Sprintf("p%05d@%s", i, goodDomain)}
			}
			server := newOther(t, root, o)
			var known strings.Builder // Exim takes no name of a file from a mail, but from a table
			for _, p := range all {
				fmt.Fprintf(&known, "%s:\n", strings.TrimSuffix(p.email, "@"+goodDomain))
			}
			server.write("known", known.String())
			stop := server.start(o.refuses)
			host, port := testenv.SplitAddress(t, server.addr)
			s := newSceneAt(t, server.postfix, smtp.Config{
				Host: host, Port: port, From: sender, TLS: smtp.TLSNone, HelloName: ourHelloName,
			})
			run := s.inviteAll(all)
			s.Handled(events.BulkDurable)
			s.await(map[string]int{
				`SELECT count(*) FROM invites WHERE state = 'queued' AND run_id IS NOT NULL`:                         clients,
				`SELECT least(5, count(*)) FROM attempts WHERE verdict = 'unclear' AND said LIKE '%` + o.says + `%'`: 5,
			})
			s.noneIsBlamed()
			stop()
			server.start(o.mended)
			s.due()
			s.awaitRun(run, events.RunCompleted, sums{clients, clients, 0})
			s.noneIsBlamed()
			s.outcomesEqualMailboxes(all, run, sums{clients, clients, 0})
		})
	}
}

// otherServer is a mail server in a mount namespace of its own. There its users exist, and its spool is empty.
type otherServer struct {
	*postfix
	other

	root string
}

func newOther(t *testing.T, root string, o other) *otherServer {
	t.Helper()
	//nolint:usetesting // no other user may enter a folder of t.TempDir
	dir, err := os.MkdirTemp("", "portal-invites-server-")
	p := &postfix{t: t, dir: dir, addr: testenv.FreeAddress(t)}
	p.must(err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p.must(os.Chmod(dir, 0o755)) // the server's parts run as their own users
	p.must(os.Mkdir(p.path("mail"), 0o755))
	p.must(os.Chown(p.path("mail"), nobody, nobody))
	for file, more := range map[string]string{
		"passwd": "Debian-exim:x:991:991::/nonexistent:/usr/sbin/nologin\n" +
			"opensmtpd:x:992:992::/var/lib/opensmtpd/empty:/usr/sbin/nologin\n" +
			"opensmtpq:x:993:993::/var/lib/opensmtpd/empty:/usr/sbin/nologin\n",
		"group": "Debian-exim:x:991:\nopensmtpd:x:992:\nopensmtpq:x:993:\n",
	} {
		known, err := os.ReadFile("/etc/" + file)
		p.must(err)
		p.write(file, string(known)+more)
	}
	return &otherServer{p, o, root}
}

// start runs the server until the test ends or stop is called, and waits for its greeting. line is what the
// configuration has in place of REFUSES.
func (s *otherServer) start(line string) (stop func()) {
	s.t.Helper()
	_, port, err := net.SplitHostPort(s.addr)
	s.must(err)
	s.write("conf", strings.NewReplacer("DIR", s.dir, "ROOT", s.root, "PORT", port, "REFUSES", line).Replace(s.config))
	const prepare = `set -e
mount --bind "$DIR/passwd" /etc/passwd; mount --bind "$DIR/group" /etc/group
mount -t tmpfs none /var/spool; mkdir -m 711 /var/spool/smtpd /var/spool/mta; chown 991:991 /var/spool/mta
mount -t tmpfs none /var/lib; mkdir -p /var/lib/opensmtpd/empty /var/lib/exim4
cp "$DIR/conf" /var/lib/exim4/config.autogenerated
ldconfig -C "$DIR/cache" "$ROOT/usr/lib/x86_64-linux-gnu"; mount --bind "$DIR/cache" /etc/ld.so.cache
mount -t tmpfs none /usr/libexec; cp -r "$ROOT/usr/libexec/opensmtpd" /usr/libexec/
exec $ROOT/$PROGRAM`
	//nolint:noctx // it is stopped by a signal
	server := exec.Command("unshare", "--mount", "--pid", "--fork", "sh", "-c", prepare)
	server.Env = append(os.Environ(), "DIR="+s.dir, "ROOT="+s.root,
		"PROGRAM="+strings.ReplaceAll(s.program, "CONF", s.path("conf")))
	output, err := os.OpenFile(s.path("output"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	s.must(err)
	server.Stdout, server.Stderr = output, output
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.must(server.Start())
	ended := false
	stop = func() {
		if ended {
			return
		}
		ended = true
		// The group has the first process of the namespace. All others end with it.
		_ = syscall.Kill(-server.Process.Pid, syscall.SIGKILL)
		_ = server.Wait()
		_ = output.Close()
	}
	s.t.Cleanup(func() {
		if stop(); s.t.Failed() {
			s.t.Logf("The server's output:\n%s", s.tail("output"))
		}
	})
	s.awaitGreeting()
	return stop
}
