package pipeline

import (
	"strings"
	"testing"
)

// The link in a mail opens to the invite it is for, and is nowhere but in the mail: a dashboard, a log or a copy of the
// database opens nobody's portal.
func TestALinkIsInItsMailAndNowhereElse(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.startBoth()
	r.office(12)
	r.invite("c0", contact("k0"), added("new@example.com", "New"))
	r.settled()
	mails := r.mailbox.Messages()
	if len(mails) != 2 {
		t.Fatalf("%d mails", len(mails))
	}
	var said strings.Builder
	for _, o := range r.told() {
		said.WriteString(o.Raw)
	}
	said.WriteString(r.log.String())
	said.WriteString(query[string](r, `SELECT string_agg(invites::text || attempts::text, '') FROM invites JOIN attempts USING (invite_id)`))
	for _, m := range mails {
		token := r.tokenIn(m)
		id, nonce, err := r.keys.Open(token)
		if err != nil {
			t.Errorf("the link to %s does not open: %v", m.To[0], err)
			continue
		}
		if email := query[string](r, `SELECT email_normal FROM invites WHERE invite_id = $1 AND nonce = $2`, id, nonce); email != m.To[0] {
			t.Errorf("the link to %s is that of %s", m.To[0], email)
		}
		if strings.Contains(said.String(), token) || strings.Contains(said.String(), token[len("k1."):]) {
			t.Errorf("the token to %s is not only in the mail", m.To[0])
		}
	}
}
