package pipeline_test

import (
	"strings"
	"testing"

	"portal-invites/internal/testkit"
)

// The link in a mail leads to its invite, and is only in the mail. So a dashboard, a log or a copy of the database
// opens no portal.
func TestALinkIsInItsMailAndNowhereElse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.Office(12)
	r.Invite("c0", testkit.Contact("k0"), testkit.Added("new@example.com", "New"))
	r.Settled()
	mails := r.Mailbox.Messages()
	if len(mails) != 2 {
		t.Fatalf("%d mails", len(mails))
	}
	var said strings.Builder
	for _, o := range r.Published() {
		said.WriteString(o.Raw)
	}
	said.WriteString(r.Log.String())
	said.WriteString(testkit.Query[string](r.Scene, `SELECT string_agg(invites::text || attempts::text, '')
		FROM invites JOIN attempts USING (invite_id)`))
	for _, m := range mails {
		token := r.TokenIn(m)
		id, nonce, err := r.Keys.Open(token)
		if err != nil {
			t.Errorf("the link to %s does not open: %v", m.To[0], err)
			continue
		}
		email := testkit.Query[string](r.Scene,
			`SELECT email_normal FROM invites WHERE invite_id = $1 AND nonce = $2`, id, nonce)
		if email != m.To[0] {
			t.Errorf("the link in the mail to %s is that of %s", m.To[0], email)
		}
		if strings.Contains(said.String(), token) || strings.Contains(said.String(), token[len("k1."):]) {
			t.Errorf("the token in the mail to %s is also somewhere else", m.To[0])
		}
	}
}
