package postfixtest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"portal-invites/internal/link"
	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/store"
	"portal-invites/internal/testenv"
	"portal-invites/internal/testkit"
)

func TestMain(m *testing.M) { testenv.Main(m) }

const firm = "acme-cpa"

// scene is a broker, a database, a Postfix and the two workers.
type scene struct {
	*testkit.Scene
	t    *testing.T
	post *postfix // of other servers, only its folder with the mailboxes
	smtp smtp.Config
	out  *os.File // the workers' log
}

// ourHelloName is the name that workers give in EHLO, unless a test says another one.
const ourHelloName = "worker.portal.example"

func newScene(t *testing.T, mailboxes []string) *scene {
	t.Helper()
	return newSceneWith(t, mailboxes, ourHelloName)
}

// newSceneWith makes a scene in which workers give a name in EHLO, and lines of main.cf take the place of the usual
// ones.
func newSceneWith(t *testing.T, mailboxes []string, helloName string, instead ...string) *scene {
	t.Helper()
	post := startPostfix(t, mailboxes, instead...)
	host, port := testenv.SplitAddress(t, post.addr)
	return newSceneAt(t, post, smtp.Config{
		Host: host, Port: port, From: sender, TLS: smtp.TLSMandatory, RootCAs: post.roots, HelloName: helloName,
	})
}

// newSceneAt makes a scene whose workers send their mails to a server that runs.
func newSceneAt(t *testing.T, post *postfix, server smtp.Config) *scene {
	t.Helper()
	s := &scene{Scene: testkit.New(t), t: t, post: post, smtp: server}
	s.Ctx, s.Firm = t.Context(), firm // no deadline: many mails may take long
	var err error
	s.out, err = os.Create(s.post.path("workers"))
	s.Must(err)
	t.Cleanup(func() {
		if _ = s.out.Close(); t.Failed() {
			t.Logf("The workers' log:\n%s", s.post.tail("workers"))
		}
	})
	s.startWorkers()
	return s
}

// startWorkers runs one worker of each lane until the test ends, with TLS on and the certificate checked, as in
// production.
func (s *scene) startWorkers() {
	s.t.Helper()
	st, err := store.Open(s.Ctx, s.DatabaseURL, 20)
	s.Must(err)
	s.t.Cleanup(st.Close)
	keys, err := link.ParseKeyring(link.NewKey())
	s.Must(err)
	cfg := pipeline.Config{
		Store: st, JS: s.JS, Keys: keys, Connections: 4,
		Log:  zerolog.New(s.out).Level(zerolog.InfoLevel).With().Timestamp().Logger(),
		SMTP: s.smtp,
	}
	s.Start(pipeline.NewInviteWorker(cfg).Run)
	s.Start(pipeline.NewBulkWorker(cfg).Run)
}

// outcomes returns the outcome of each contact. It fails the test if a contact has two.
func (s *scene) outcomes() map[string]testkit.Outcome {
	s.t.Helper()
	byContact := map[string]testkit.Outcome{}
	for _, o := range s.Published() {
		if !strings.HasPrefix(string(o.Type), "Invite") {
			continue // an outcome of a run
		}
		if first, twice := byContact[o.Recipient.ContactID]; twice {
			s.t.Errorf("%s has two outcomes: %s and %s", o.Recipient.ContactID, first.Raw, o.Raw)
		}
		byContact[o.Recipient.ContactID] = o
	}
	return byContact
}

// count runs a query on the ledger.
func (s *scene) count(sql string) int {
	s.t.Helper()
	return testkit.Query[int](s.Scene, sql)
}

// await polls until every query returns the wanted number.
func (s *scene) await(want map[string]int) {
	s.t.Helper()
	s.eventually(func() error {
		for sql, n := range want {
			if got := s.count(sql); got != n {
				return fmt.Errorf("%d, want %d: %s", got, n, sql)
			}
		}
		return nil
	})
}

// eventually polls four times a second, since its queries are expensive.
func (s *scene) eventually(condition func() error) {
	s.t.Helper()
	var asked time.Time
	var err error
	testenv.Eventually(s.t, patience, func() error {
		if time.Since(asked) > 250*time.Millisecond {
			err = condition()
			asked = time.Now()
		}
		return err
	})
}
