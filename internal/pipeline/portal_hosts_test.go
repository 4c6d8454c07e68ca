package pipeline_test

import (
	"encoding/json"
	"strings"
	"testing"

	"portal-invites/internal/events"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/portal"
	"portal-invites/internal/testkit"
)

const evil = "https://portal-acme.evil.example"

func (r *rig) portalIs(address string) {
	r.Publish(events.FirmUpserted, testkit.Object{"name": "Acme CPA", "portal_url": address})
}

// onlyHosts is a worker that allows only some hosts.
func (r *rig) onlyHosts(hosts string) *pipeline.Worker {
	r.TB.Helper()
	cfg := r.Config()
	var err error
	cfg.Portals, err = portal.ParseHosts(hosts)
	r.Must(err)
	return pipeline.NewInviteWorker(cfg)
}

// A fact with a host that is not allowed is refused by naming the field, and the firm keeps its portal.
func TestAFactWithAnotherHostIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartWorker(r.onlyHosts("*.acme.example"))
	r.Office(1)
	r.portalIs("https://portal.acme.example")
	r.portalIs(evil)
	r.Invite("c0", testkit.Contact("k0"))
	r.Settled()
	if text := r.Mailbox.Messages()[0].Text; strings.Contains(text, "evil.example") {
		t.Errorf("the link leads to the refused host:\n%s", text)
	}
	letters := r.DeadLetters()
	if len(letters) != 1 || !strings.Contains(letters["portal.facts."+firm+".FirmUpserted"], portal.ErrHost.Error()) {
		t.Errorf("dead letters %q", letters)
	}
}

// A firm from before the setting gets no mail out to another host, and the outcome says why.
func TestAMailToAnotherHostFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	stop := r.StartInvites()
	r.Office(1)
	r.portalIs(evil)
	r.Settled()
	stop()
	out := r.Outcomes()
	r.StartWorker(r.onlyHosts("*.acme.example"))
	r.Invite("c0", testkit.Contact("k0"))
	failed := r.Await(out, 1, events.InviteFailed)[0]
	if !strings.Contains(failed.Raw, "portal_url: has a host") || len(r.Mailbox.Messages()) != 0 {
		t.Errorf("%d mails, %s", len(r.Mailbox.Messages()), failed.Raw)
	}
}

// A changed host is reported once, whoever applies the fact, and however often it comes. Another path of the same host
// is not reported, and another port is.
func TestAChangedHostIsReported(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.StartBoth()
	r.Office(1)
	for _, address := range []string{
		"https://portal.acme.example", "https://portal.acme.example/clients", evil, evil, "https://portal.acme.example:8443",
	} {
		r.portalIs(address)
		r.Settled() // one by one, since a batch reports its last change only
	}
	var published []string
	for _, o := range r.Published(events.FirmChanged) {
		var hosts struct {
			OldHost string `json:"old_host"`
			NewHost string `json:"new_host"`
		}
		r.Must(json.Unmarshal([]byte(o.Raw), &hosts))
		if o.Cause.Type != string(events.FirmUpserted) {
			t.Errorf("the cause is %+v", o.Cause)
		}
		published = append(published, hosts.OldHost+" to "+hosts.NewHost)
	}
	want := []string{
		"portal.acme.example to portal-acme.evil.example", "portal-acme.evil.example to portal.acme.example:8443",
	}
	if strings.Join(published, ", ") != strings.Join(want, ", ") {
		t.Errorf("published %q, want %q", published, want)
	}
}
