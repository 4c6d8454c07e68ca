package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"github.com/rs/zerolog"

	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

func users(lines ...string) string {
	return "authorization { users = [ " + strings.Join(lines, "\n") + " ] }"
}

// kept is a worker's connection, with its log.
type kept struct {
	*connection
	t   *testing.T
	log *testkit.Log
}

func keep(t *testing.T, b Broker) kept {
	t.Helper()
	k := kept{t: t, log: &testkit.Log{}}
	b.Replicas, b.TopologyMode = 1, topologyManage
	var err error
	if k.connection, err = b.keepConnected("test", zerolog.New(k.log)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		k.close()
		<-k.closed
		if t.Failed() {
			t.Logf("the log:\n%s", k.log)
		}
	})
	return k
}

func (k kept) until(what string, holds func() bool) {
	k.t.Helper()
	testenv.Eventually(k.t, patience, func() error {
		if !holds() {
			return errors.New("waited in vain until " + what)
		}
		return nil
	})
}

func (k kept) says(parts ...string) {
	k.t.Helper()
	k.until(fmt.Sprintf("the log says %q", parts), func() bool { return k.log.Lines(parts...) > 0 })
}

// refused returns how many logins the broker has refused.
func (b testBroker) refused() int {
	b.t.Helper()
	closed, err := b.Connz(&server.ConnzOptions{State: server.ConnClosed, Limit: 1000})
	if err != nil {
		b.t.Fatal(err)
	}
	n := 0
	for _, conn := range closed.Conns {
		if conn.Reason == server.AuthenticationViolation.String() {
			n++
		}
	}
	return n
}

// The client library gives up after two refused logins. A worker goes on, and uses the password as it is then.
//
//nolint:paralleltest // t.Setenv needs that
func TestAWorkerComesBackAfterItsPasswordWasWrong(t *testing.T) {
	b := runBroker(t, users(`{user: worker, password: old-secret}`))
	for name, c := range map[string]struct {
		content string // of the file with the password
		use     func(t *testing.T, file string) Broker
	}{
		"NATS_URL_FILE": {"nats://worker:%s@" + b.address, func(t *testing.T, file string) Broker {
			t.Helper()
			t.Setenv("NATS_URL_FILE", file)
			return Broker{}
		}},
		"NATS_CONTEXT": {
			`{"url": "nats://` + b.address + `", "user": "worker", "password": "%s"}`,
			func(_ *testing.T, file string) Broker { return Broker{Context: file} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			b.reload(users(`{user: worker, password: old-secret}`))
			file := write(t, filepath.Join(t.TempDir(), "login.json"), fmt.Sprintf(c.content, "old-secret"))
			k := keep(t, c.use(t, file))
			k.until("it is connected", k.nc.IsConnected)
			before := b.refused()
			b.reload(users(`{user: worker, password: new-secret}`))
			k.says("the broker refuses the login")
			k.until("three logins were refused", func() bool { return b.refused() >= before+3 })
			write(t, file, fmt.Sprintf(c.content, "new-secret"))
			k.until("it is connected again", k.nc.IsConnected)
			if n := k.log.Lines("the broker refuses the login"); n != 1 {
				t.Errorf("the log says %d times that the login is refused, want once", n)
			}
			if strings.Contains(k.log.String(), "-secret") {
				t.Error("the log has a password")
			}
		})
	}
}

// A worker that starts with a wrong login says so, and comes up once the broker knows the login.
func TestAWorkerStartsWithAWrongLogin(t *testing.T) {
	t.Parallel()
	b := runBroker(t, users(`{user: worker, password: right}`))
	k := keep(t, Broker{URL: "nats://worker:wrong@" + b.address})
	k.says("the broker refuses the login", "NATS_CREDS")
	k.until("three logins were refused", func() bool { return b.refused() >= 3 })
	if err := k.ready(); err == nil {
		t.Error("it says that it is ready")
	}
	b.reload(users(`{user: worker, password: wrong}`))
	k.until("it is connected", k.nc.IsConnected)
}

// A worker proves that it has the seed of its nkey. A file with another key ends the process.
func TestAnNKey(t *testing.T) {
	t.Parallel()
	public, seed := newNKey(t)
	other, otherSeed := newNKey(t)
	b := runBroker(t, users(fmt.Sprintf("{nkey: %s}", public)))
	file := write(t, filepath.Join(t.TempDir(), "seed"), seed+"\r\n")
	k := keep(t, Broker{URL: b.address, NKey: file})
	k.until("it is connected", k.nc.IsConnected)
	nc, _, err := Broker{URL: b.address, NKey: seed, Replicas: 1, TopologyMode: topologyManage}.Connect("test")
	if err != nil {
		t.Fatalf("with the seed itself: %v", err)
	}
	nc.Close()

	write(t, file, otherSeed)
	b.reload(users(fmt.Sprintf("{nkey: %s}", other)))
	<-k.closed
	k.says("NATS_NKEY holds another key", "this process ends")
	if strings.Contains(k.log.String(), seed) || strings.Contains(k.log.String(), otherSeed) {
		t.Error("the log has a seed")
	}
}

func newNKey(t *testing.T) (public, seed string) {
	t.Helper()
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	secret, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	if public, err = pair.PublicKey(); err != nil {
		t.Fatal(err)
	}
	return public, string(secret)
}

// A client library that has closed its connection never connects again by itself, so the process must end.
func TestAConnectionThatIsClosedForGoodIsNoticed(t *testing.T) {
	t.Parallel()
	k := keep(t, Broker{URL: runBroker(t, "").address})
	k.until("it is connected", k.nc.IsConnected)
	// The broker and the library end a connection that sends such a line.
	if _, err := k.nc.SubscribeSync(strings.Repeat("long.", 2000) + "end"); err != nil {
		t.Fatal(err)
	}
	<-k.closed
	if err := k.whyClosed(); !errors.Is(err, errClosed) || !strings.Contains(err.Error(), "maximum control line") {
		t.Error(err)
	}
}

// What the broker does not permit is in the log once, and in /readyz until it works.
func TestWhatIsNotPermittedIsNamed(t *testing.T) {
	t.Parallel()
	const may = `permissions: {publish: ["$JS.API.INFO", "_INBOX.>"], subscribe: ["_INBOX.worker.>"]}`
	b := runBroker(t, users(`{user: worker, password: pw, `+may+`}`))
	k := keep(t, Broker{URL: "nats://worker:pw@" + b.address, InboxPrefix: "_INBOX.worker"})
	k.until("it is connected", k.nc.IsConnected)
	if _, err := k.js.AccountInfo(t.Context()); err != nil {
		t.Fatalf("an answer did not arrive below the inbox prefix: %v", err)
	}
	if err := k.ready(); err != nil {
		t.Errorf("before anything was denied: %v", err)
	}
	for range 3 {
		for _, subject := range []string{"$JS.ACK.PORTAL_EVENTS.facts.1.7.9", "elsewhere.of.a.caller"} {
			if err := k.nc.Publish(subject, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := k.nc.QueueSubscribeSync("portal.api.v1.*.status", "q"); err != nil {
		t.Fatal(err)
	}
	k.says("does not permit", "publish to $JS.ACK.PORTAL_EVENTS.facts.>")
	k.says("does not permit", "publish to elsewhere.of.a.caller")
	k.says("does not permit", "subscribe to portal.api.v1.*.status")
	const want = "not permitted to publish to $JS.ACK.PORTAL_EVENTS.facts.>, subscribe to portal.api.v1.*.status"
	if err := k.ready(); err == nil || shown(err) != want {
		t.Errorf("ready: %v, want: %s", err, want)
	}
	if n := k.log.Lines("does not permit"); n != 3 {
		t.Errorf("the log has %d lines about it, want 3", n)
	}
	if err := k.nc.ForceReconnect(); err != nil { // the denied subscription is tried again
		t.Fatal(err)
	}
	k.until("only the subscription counts", func() bool {
		err := k.ready()
		return err != nil && shown(err) == "not permitted to subscribe to portal.api.v1.*.status"
	})
}

// A denied publish stops to count when nobody tries it any more. Memory is bounded, whatever callers choose.
func TestDenialsAreForgotten(t *testing.T) {
	t.Parallel()
	var d denials
	now := time.Now()
	for i := range 3 * mostDenied {
		subject := fmt.Sprintf("portal.dead.f%d.X", i)
		d.add(fmt.Errorf("%w: Permissions Violation for Publish to %q", nats.ErrPermissionViolation, subject), now)
	}
	if len(d.last) != mostDenied {
		t.Errorf("%d are kept", len(d.last))
	}
	if err := d.current(now); err == nil || !strings.HasSuffix(err.Error(), ", and 45 more") {
		t.Errorf("now: %v", err)
	}
	if err := d.current(now.Add(deniedFor)); err != nil {
		t.Errorf("a minute later: %v", err)
	}
}

// Each failure of TLS is called that, with the settings to look at.
func TestFailuresOfTLSAreNamed(t *testing.T) {
	t.Parallel()
	ours, theirs := newAuthority(t), newAuthority(t)
	conf := func(verify bool) string {
		cert, key := ours.issue(t)
		return fmt.Sprintf("tls { cert_file: %q, key_file: %q, ca_file: %q, verify: %t, timeout: 30 }",
			cert, key, ours.file, verify)
	}
	plain, open, closed := runBroker(t, ""), runBroker(t, conf(false)), runBroker(t, conf(true))
	cert, key := ours.issue(t)
	strange, strangeKey := theirs.issue(t)
	for name, c := range map[string]struct {
		settings Broker
		says     string // nothing: it works
	}{
		"the right authority":   {Broker{URL: "tls://" + open.address, CA: ours.file}, ""},
		"the right certificate": {Broker{URL: closed.address, CA: ours.file, ClientCert: cert, ClientKey: key}, ""},
		"another authority":     {Broker{URL: open.address, CA: theirs.file}, "unknown authority"},
		"no authority":          {Broker{URL: open.address}, "unknown authority"},
		"no certificate":        {Broker{URL: closed.address, CA: ours.file}, "tls"},
		"a strange certificate": {
			Broker{URL: closed.address, CA: ours.file, ClientCert: strange, ClientKey: strangeKey}, "tls",
		},
		"a broker without TLS": {Broker{URL: "tls://" + plain.address}, "secure connection not available"},
		"a name that the certificate does not have": {
			Broker{URL: strings.Replace(open.address, "127.0.0.1", "localhost", 1), CA: ours.file}, "localhost",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.settings.Replicas, c.settings.TopologyMode = 1, topologyManage
			nc, _, err := c.settings.Connect("test")
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), "TLS fails (look at NATS_CA") ||
				!strings.Contains(err.Error(), c.says)):
				t.Errorf("got %v, want an error about TLS with %q", err, c.says)
			}
			if nc != nil {
				nc.Close()
			}
			if c.says != "" {
				keep(t, c.settings).says("TLS fails")
			}
		})
	}
}

// authority signs certificates for 127.0.0.1.
type authority struct {
	file string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := authority{cert: template, key: key}
	a.file, _ = a.sign(t, template, key)
	return a
}

func (a authority) issue(t *testing.T) (cert, key string) {
	t.Helper()
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return a.sign(t, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "worker"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, pair)
}

func (a authority) sign(t *testing.T, template *x509.Certificate, pair *ecdsa.PrivateKey) (cert, key string) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, pair.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(pair)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	encoded := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return write(t, filepath.Join(dir, "cert.pem"), encoded("CERTIFICATE", der)),
		write(t, filepath.Join(dir, "key.pem"), encoded("PRIVATE KEY", private))
}

// A context of the nats command line has all of it: address, login, inbox prefix and domain.
func TestAContext(t *testing.T) {
	t.Parallel()
	const may = `permissions: {publish: ["$JS.hub.API.>", "$JS.API.>"], subscribe: ["_INBOX.ann.>"]}`
	b := runBroker(t, users(`{user: ann, password: pw, `+may+`}`)+"\njetstream { domain: hub }")
	file := write(t, filepath.Join(t.TempDir(), "portal.json"), `{"url": "nats://`+b.address+`", "user": "ann",
		"password": "pw", "inbox_prefix": "_INBOX.ann", "jetstream_domain": "hub"}`)
	settings := Broker{Context: file, Replicas: 1, TopologyMode: topologyManage}
	nc, js, err := settings.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if info, err := js.AccountInfo(t.Context()); err != nil || info.Domain != "hub" {
		t.Errorf("%+v, %v", info, err)
	}
	if got := settings.Address(); got != "nats://"+b.address {
		t.Errorf("the address is %s", got)
	}
	// Without a context, the same in settings.
	settings = Broker{
		URL: "nats://ann:pw@" + b.address, InboxPrefix: "_INBOX.ann", JSDomain: "hub",
		Replicas: 1, TopologyMode: topologyManage,
	}
	nc, js, err = settings.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := js.AccountInfo(t.Context()); err != nil {
		t.Error(err)
	}
	settings.JSDomain = "other"
	nc, js, err = settings.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := js.AccountInfo(t.Context()); err == nil {
		t.Error("the domain is not used")
	}
}

// Settings that contradict each other, or name files that do not help, are errors before anything connects.
func TestWrongSettingsOfTheConnection(t *testing.T) {
	t.Parallel()
	empty := write(t, filepath.Join(t.TempDir(), "empty"), "nothing")
	account, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := account.Seed()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		settings Broker
		says     string
	}{
		{Broker{URL: "nats://"}, "NATS_URL: is not an address"},
		{Broker{Context: "/none.json"}, "NATS_CONTEXT: open /none.json"},
		{Broker{Context: "none"}, `NATS_CONTEXT: unknown context "none"`},
		{Broker{Context: empty, URL: "x", CA: "y"}, "NATS_CONTEXT: is set, and so is NATS_CA"},
		{Broker{Creds: empty, NKey: "x"}, "NATS_CREDS: is set, and so is NATS_NKEY"},
		{Broker{Creds: "/none"}, "NATS_CREDS: open /none"},
		{Broker{Creds: empty}, "NATS_CREDS: "},
		{Broker{NKey: "/none"}, "NATS_NKEY: open /none"},
		{Broker{NKey: empty}, "NATS_NKEY: is not the seed of a user"},
		{Broker{NKey: write(t, filepath.Join(t.TempDir(), "seed"), string(seed))}, "NATS_NKEY: is not the seed of a user"},
		{Broker{CA: empty}, "NATS_CA: there is no certificate in " + empty},
		{Broker{CA: "/none"}, "NATS_CA: open /none"},
		{Broker{ClientCert: empty}, "NATS_CERT: needs NATS_KEY"},
		{Broker{ClientCert: empty, ClientKey: empty}, "NATS_CERT, NATS_KEY: "},
		{Broker{InboxPrefix: "_INBOX.>"}, "NATS_INBOX_PREFIX: must be a subject without wildcards"},
		{Broker{InboxPrefix: "a..b"}, "NATS_INBOX_PREFIX: must be a subject without wildcards"},
		{Broker{JSDomain: "a.b"}, "NATS_JS_DOMAIN: must be one word without dots"},
		{Broker{Replicas: 6}, "NATS_REPLICAS: must be 1 to 5"},
		{Broker{TopologyMode: "look"}, "NATS_TOPOLOGY: must be manage or check"},
	} {
		if c.settings.Replicas == 0 {
			c.settings.Replicas = 1
		}
		if c.settings.TopologyMode == "" {
			c.settings.TopologyMode = topologyManage
		}
		if err := c.settings.Check(); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: got %v, want %q", c.settings, err, c.says)
		}
	}
}
