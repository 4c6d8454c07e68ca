package pipeline_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
	"portal-invites/internal/store"
	"portal-invites/internal/testkit"
)

// named is a recipient as a request names them: a contact, an added email, or neither, which means the client itself.
type named struct {
	contact string
	email   email
}

func (n named) recipient() rules.Recipient {
	return rules.Recipient{ContactID: n.contact, Email: rules.Email{Written: n.email.written, Normal: n.email.normal}}
}

// unreadable is the written email of a recipient who is no contact and has no valid email, to tell such recipients
// apart.
func (n named) unreadable() string {
	if n.contact == "" && n.email.normal == "" {
		return n.email.written
	}
	return ""
}

func (n named) data() testkit.Object {
	if n.contact != "" {
		return testkit.Contact(n.contact)
	}
	return testkit.Added(n.email.written, "Max")
}

func contactIn(person string) string {
	id, isContact := strings.CutPrefix(person, "contact:")
	if !isContact {
		return ""
	}
	return id
}

var lower = strings.ToLower

// emails are few, so that conflicts are likely. Each firm has its own, because the mail server knows nothing about
// firms.
func (p *played) emails() []email {
	one, two := "one."+p.firm+"@example.com", "two."+p.firm+"@example.com"
	return append([]email{{one, one}, {"One." + p.firm + "@EXAMPLE.com\u00a0", one}, {two, two},
		{"three." + two, "three." + two}, {"no address", ""}}, p.own...)
}

var (
	playedContacts = rapid.SampledFrom([]string{"k1", "k2", "k3", "k4"})
	playedClients  = rapid.SampledFrom([]string{"c1", "c2", "c3"})
	rarely         = rapid.Map(rapid.IntRange(0, 7), func(n int) bool { return n == 7 })
)

func (p *played) anEmail(t *rapid.T) email { return rapid.SampledFrom(p.emails()).Draw(t, "email") }
func (p *played) aValidOne(t *rapid.T) email {
	return rapid.SampledFrom(p.emails()[:4]).Draw(t, "email")
}

func (p *played) somebody(t *rapid.T) named {
	if rapid.IntRange(0, 2).Draw(t, "added") == 0 {
		return named{email: p.anEmail(t)}
	}
	return named{contact: playedContacts.Draw(t, "contact")}
}

// publish publishes an event of the firm, at the clock's time.
func (p *played) publish(t events.Type, data testkit.Object) (id string) {
	p.said++
	id = fmt.Sprintf("%s-%d", p.firm, p.said)
	p.publishAs(id, t, data)
	return id
}

func (p *played) publishAs(id string, t events.Type, data testkit.Object) {
	p.note("%s %s %v", id, t, data)
	p.publishAt(id, p.clock.now(), t, data)
}

// publishAt publishes an event whose publisher says that it happened at a time.
func (p *played) publishAt(id string, at time.Time, t events.Type, data testkit.Object) {
	scene := p.Scene
	scene.Firm = p.firm
	scene.PublishAll(scene.Message(id, at, t, data))
}

// opening publishes a small office, so that there are people to invite.
func (p *played) opening(t *rapid.T) {
	if !rarely.Draw(t, "firm unknown") {
		p.firmUpserted(t)
	}
	for range 4 {
		p.contactUpserted(t)
	}
	for range 3 {
		p.clientUpserted(t)
	}
}

// steps returns everything that can happen. A step with two names happens more often.
func (p *played) steps() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"firm": p.firmUpserted, "contact": p.contactUpserted, "contact removed": p.contactRemoved,
		"merged": p.contactsMerged,
		"client": p.clientUpserted, "client removed": p.clientRemoved, "granted": p.granted, "suppressed": p.suppressed,
		"template": p.templateUpserted, "mail server": p.mailServer, "delivered again": p.deliveredAgain,
		"outage": p.outage,
		"invite": p.invite, "invite 2": p.invite, "resend": p.resend, "resend 2": p.resend, "removal": p.removal,
		"bulk": p.bulk, "bulk 2": p.bulk, "replay": p.replay, "replay 2": p.replay,
		"came back": p.cameBack, "delivered": p.delivered,
		"redeem": p.redeem, "redeem 2": p.redeem, "clock": p.jump, "clock 2": p.jump,
		"swap": p.emailsSwapped, "archive": p.archivedOrRevived, "several": p.severalRequests, "used id": p.idUsedTwice,
	}
}

func (p *played) firmUpserted(t *rapid.T) {
	data := testkit.Object{"name": "Firm", "portal_url": "https://portal.acme.example"}
	p.model.known, p.model.licenses, p.model.remindsIn = true, nil, 0
	if rapid.Bool().Draw(t, "reminds") {
		p.model.remindsIn = 72 * time.Hour
		data["reminder_after"] = "72h"
	}
	if rarely.Draw(t, "lists licenses") {
		some := rapid.SampledFrom([]string{"document_management", "esign", "client_requests", "client_management"})
		p.model.licenses = rapid.SliceOfNDistinct(some, 0, 4, rapid.ID[string]).Draw(t, "licenses")
		data["licenses"] = p.model.licenses
	}
	p.publish(events.FirmUpserted, data)
}

func (p *played) contactUpserted(t *rapid.T) {
	p.contactIs(playedContacts.Draw(t, "contact"), rapid.SampledFrom(append(p.emails(), email{})).Draw(t, "email"))
}

func (p *played) contactIs(id string, email email) {
	now := p.model.contactNow(id)
	p.model.contacts[now], p.model.removed["contact "+now] = email, false
	p.model.endByFacts(now)
	p.publish(events.ContactUpserted, testkit.ContactData(id, "Kay", email.written))
}

func (p *played) contactRemoved(t *rapid.T) { p.contactRemovedNow(playedContacts.Draw(t, "contact")) }

func (p *played) contactRemovedNow(id string) {
	p.publish(events.ContactRemoved, testkit.Object{"contact_id": id})
	if p.model.contactNow(id) != id {
		return // the record is gone already, and the person stays
	}
	guest := "email:" + p.model.contacts[id].normal
	p.model.removed["contact "+id] = true
	delete(p.model.contacts, id)
	p.model.removeWhere(func(at place) bool { return at.person == "contact:"+id || at.person == guest })
}

// contactsMerged merges few contacts in a sequence, so that there are conflicts left to play.
func (p *played) contactsMerged(t *rapid.T) {
	if len(p.model.merged) == 2 {
		t.Skip("two contacts are merged already")
	}
	both := rapid.SliceOfNDistinct(playedContacts, 2, 2, rapid.ID[string]).Draw(t, "both")
	p.model.merge(both[0], both[1])
	p.publish(events.ContactsMerged, testkit.Object{"from": both[:1], "into": both[1]})
}

func (p *played) clientUpserted(t *rapid.T) {
	id := playedClients.Draw(t, "client")
	var list []string
	for _, contact := range rapid.SliceOfNDistinct(playedContacts, 0, 4, rapid.ID[string]).Draw(t, "on it") {
		primary := rapid.IntRange(0, 2).Draw(t, "primary") > 0
		list = append(list, map[bool]string{true: "*", false: ""}[primary]+contact)
	}
	p.clientIs(id, list, rarely.Draw(t, "archived"))
}

// clientIs publishes a client with contacts; a leading * makes one Primary.
func (p *played) clientIs(id string, list []string, archived bool) {
	on := map[string]bool{}
	for _, contact := range list {
		contact, primary := strings.CutPrefix(contact, "*")
		now := p.model.contactNow(contact)
		on[now] = on[now] || primary
	}
	p.model.clients[id], p.model.archived[id], p.model.removed["client "+id] = on, archived, false
	p.model.endByFacts("")
	p.publish(events.ClientUpserted, testkit.With(testkit.ClientData(id, list...), "active", !archived))
}

func (p *played) clientRemoved(t *rapid.T) {
	id := playedClients.Draw(t, "client")
	delete(p.model.clients, id)
	p.model.removed["client "+id] = true
	p.model.removeWhere(func(at place) bool { return at.client == id })
	p.publish(events.ClientRemoved, testkit.Object{"client_id": id})
}

func (p *played) granted(t *rapid.T) {
	client, who := playedClients.Draw(t, "client"), p.somebody(t)
	data := testkit.Object{"client_id": client, "granted_at": p.clock.now(), "contact_id": who.contact}
	if who.contact == "" {
		who.email = p.aValidOne(t)
		data = testkit.Object{"client_id": client, "granted_at": p.clock.now(), "email": who.email.written}
	}
	p.model.grant(client, who)
	p.publish(events.PortalAccessGranted, data)
}

func (p *played) suppressed(t *rapid.T) {
	email := p.aValidOne(t)
	kind := rapid.SampledFrom([]events.Type{events.EmailSuppressed, events.EmailUnsuppressed}).Draw(t, "which")
	cause := rapid.SampledFrom(store.Causes()).Draw(t, "cause")
	p.model.suppressed[email.normal] = p.model.suppressed[email.normal].with(cause, kind == events.EmailSuppressed)
	p.publish(kind, testkit.Object{"email": email.written, "cause": cause})
}

func (p *played) templateUpserted(*rapid.T) {
	p.model.templates["t1"] = true
	p.publish(events.MessageTemplateUpserted, testkit.Object{
		"template_id": "t1", "name": "Hello", "body": "Hello {{contact.name}}"})
}

// outage plays some requests while the mail server defers every mail, and then lets it take mails again. After each
// step, all mails are tried again. Facts about clients and contacts are not drawn, because a login that one mail frees
// may be taken by another, whichever comes first.
func (p *played) outage(t *rapid.T) {
	for _, refused := range p.model.refused {
		if refused {
			t.Skip("whichever mail is refused first stops the others")
		}
	}
	p.greylist(true)
	defer p.greylist(false)
	for range rapid.IntRange(2, 5).Draw(t, "steps") {
		during := []func(*rapid.T){p.invite, p.invite, p.resend, p.bulk, p.bulk, p.removal, p.contactRemoved,
			p.clientRemoved, p.granted, p.cooldown, p.cooldown}
		if len(p.tokens) > 0 {
			during = append(during, p.redeem)
		}
		rapid.SampledFrom(during).Draw(t, "step")(t)
		p.quiet()
		p.tryAgain()
		p.agrees(t)
	}
}

// greylist lets the mail server defer every mail to the firm's emails, or take them again.
func (p *played) greylist(on bool) {
	p.defers(on)
	p.tryAgain()
}

func (p *played) defers(on bool) {
	p.model.greylists = on
	for _, to := range p.emails() {
		if on {
			p.Mailbox.Refuse(to.normal, 450, [3]int{4, 2, 0}, "try again later")
		} else {
			p.Mailbox.Accept(to.normal)
		}
	}
}

// tryAgain makes every mail due that was deferred.
func (p *played) tryAgain() {
	p.Exec(`UPDATE invites SET next_attempt_at = $1 WHERE state = 'queued'`, p.clock.now())
}

// cooldown lets so much time pass that a resend is no longer too soon.
func (p *played) cooldown(*rapid.T) { p.later(11 * time.Minute) }

func (p *played) mailServer(t *rapid.T) {
	email := p.aValidOne(t).normal
	if p.model.refused[email] = !p.model.refused[email]; p.model.refused[email] {
		p.Mailbox.Refuse(email, 550, [3]int{5, 1, 1}, "no such user")
	} else {
		p.Mailbox.Accept(email)
	}
}

func (p *played) jump(t *rapid.T) {
	far := rapid.SampledFrom([]time.Duration{5 * time.Minute, 11 * time.Minute, 11 * time.Minute, 20 * 24 * time.Hour,
		31 * 24 * time.Hour}).Draw(t, "far")
	p.later(far)
}

func (p *played) later(far time.Duration) {
	p.note("%s later", far)
	p.model.jump(far)
	p.clock.jump(far)
}

// request publishes a request, lets the model do the same, and keeps both for a second delivery.
func (p *played) request(kind events.Type, data testkit.Object, model func(cause string, again bool)) {
	cause := p.publish(kind, data)
	model(cause, false)
	p.again = append(p.again, asked{cause, kind, p.clock.now(), func() { p.publishAs(cause, kind, data) },
		func() { model(cause, true) }})
}

// asked is a request, for a second delivery: on the stream and in the model.
type asked struct {
	id             string
	kind           events.Type
	at             time.Time
	publish, model func()
}

func (p *played) deliveredAgain(t *rapid.T) {
	if len(p.again) == 0 {
		t.Skip("nothing was requested yet")
	}
	one := rapid.SampledFrom(p.again).Draw(t, "which")
	one.publish()
	one.model()
}

func (p *played) recipients(t *rapid.T) (list []named) {
	for range rapid.IntRange(1, 3).Draw(t, "recipients") {
		list = append(list, p.somebody(t))
	}
	return list
}

func dataOf(list []named) (data []testkit.Object) {
	for _, who := range list {
		data = append(data, who.data())
	}
	return data
}

func (p *played) invite(t *rapid.T) {
	types := slices.DeleteFunc(events.InvitingTypes(), func(typ events.Type) bool {
		kind, err := typ.Kind()
		return err != nil || kind != rules.Invite
	})
	process := rapid.SampledFrom(append(types, events.InviteRequested)).Draw(t, "process")
	client := playedClients.Draw(t, "client")
	p.named(t, process, client, p.recipients(t))
}

// resend names a person who was invited, most of the time.
func (p *played) resend(t *rapid.T) {
	client, who := playedClients.Draw(t, "client"), p.recipients(t)
	var sent []*modelInvite
	for _, id := range slices.Sorted(maps.Keys(p.tokens)) {
		sent = append(sent, p.model.invites[uuid.MustParse(id)])
	}
	if len(sent) > 0 && !rarely.Draw(t, "anybody") {
		i := rapid.SampledFrom(sent).Draw(t, "again")
		client, who = i.client, []named{i.who}
	}
	p.named(t, events.InviteResendRequested, client, who)
}

func (p *played) named(t *rapid.T, process events.Type, client string, who []named) {
	resend := process == events.InviteResendRequested
	data := testkit.Object{"client_id": client, "requested_by": "Lee", "recipients": dataOf(who)}
	for _, typ := range events.InvitingTypes() {
		if field := typ.ItemField(); field != "" {
			// Each process reads the fields of its own item.
			data[field] = testkit.Object{"id": "i1", "name": "Return.pdf", "title": "Your return"}
		}
	}
	template := p.template(t, data)
	var invites []*modelInvite
	p.request(process, data, func(cause string, again bool) {
		times := map[string]int{}
		for _, n := range who {
			if again {
				break
			}
			key := n.contact + n.email.normal + n.unreadable()
			times[key]++
			invites = append(invites, &modelInvite{
				id: p.inviteID(cause, client, n, times[key]), cause: cause, process: process, resend: resend, client: client,
				who:      n,
				template: template, at: p.model.now,
			})
		}
		p.model.decide(invites, nil)
	})
}

func (p *played) template(t *rapid.T, data testkit.Object) string {
	if !rarely.Draw(t, "template") {
		return ""
	}
	data["message"] = testkit.Object{"template_id": "t1"}
	return "t1"
}

func (p *played) removal(t *rapid.T) {
	client := playedClients.Draw(t, "client")
	who := p.recipients(t)
	data := testkit.Object{"client_id": client, "requested_by": "Lee", "recipients": dataOf(who)}
	p.request(events.AccessRemovalRequested, data, func(_ string, again bool) {
		if !again {
			p.model.remove(client, who)
		}
	})
}

func (p *played) bulk(t *rapid.T) {
	mode := rapid.SampledFrom([]string{"invite", "invite", "resend"}).Draw(t, "mode")
	selection, ids := testkit.Object{"all_clients": true}, []string{"c1", "c2", "c3"}
	all := rapid.Bool().Draw(t, "all clients")
	if !all {
		ids = slices.Sorted(slices.Values(rapid.SliceOfNDistinct(playedClients, 1, 3, rapid.ID[string]).Draw(t, "clients")))
		selection = testkit.Object{"client_ids": ids}
	}
	data, audience := testkit.With(testkit.Bulk(selection), "mode", mode), ""
	if mode == "resend" {
		audience = rapid.SampledFrom([]string{"invited", "active", "all"}).Draw(t, "to")
		if audience != "invited" || rapid.Bool().Draw(t, "say it") {
			data["to"] = audience
		}
	}
	p.run(data, ids, run{all: all, resend: mode == "resend", audience: audience, template: p.template(t, data)})
}

// run says what a bulk request asks for.
type run struct {
	all, resend        bool
	audience, template string
}

// run asks for a run over some clients, which are in order.
func (p *played) run(data testkit.Object, ids []string, r run) {
	mode := "invite"
	if r.resend {
		mode = "resend"
	}
	p.request(events.BulkInviteRequested, data, func(cause string, again bool) {
		if again { // a quiet replay of the run
			p.model.decide(p.model.replayable(func(i *modelInvite) bool { return i.run == cause }),
				&fanOut{cause: cause, kind: "replay", quiet: true})
			return
		}
		p.causes = append(p.causes, cause)
		var invites []*modelInvite
		for _, client := range ids {
			if _, there := p.model.clients[client]; r.all && (!there || p.model.archived[client]) {
				continue
			}
			for _, who := range p.model.everybodyOn(client) {
				invites = append(invites, &modelInvite{
					id: p.inviteID(cause, client, who, 1), cause: cause, process: events.BulkInviteRequested, resend: r.resend,
					audience: r.audience, client: client, who: who, template: r.template, at: p.model.now, run: cause,
				})
			}
		}
		p.model.decide(invites, &fanOut{cause: cause, kind: mode})
	})
}

// redeem opens the link of a mail, the same link at another firm, or a damaged one.
func (p *played) redeem(t *rapid.T) {
	var ids []string
	for id := range p.tokens {
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		t.Skip("there is no mail yet")
	}
	slices.Sort(ids)
	id := rapid.SampledFrom(ids).Draw(t, "whose")
	firm, token, want := p.firm, p.tokens[id], answer.LinkInvalid
	switch rapid.IntRange(0, 9).Draw(t, "how") {
	case 8:
		firm = "another"
	case 9:
		token = token[:len(token)-1]
	default:
		want = p.model.redeem(p.model.invites[uuid.MustParse(id)])
	}
	got, err := p.worker.Answers().Redeem(p.Ctx, firm, token)
	if err != nil || got.Result != want {
		t.Fatalf("the link of %s is %s (%v), want %s", id, got.Result, err, want)
	}
}
