package pipeline_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/answer"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// contract is a small model of what the contract says about one firm: its state, and the outcomes that are published.
// It shares no code with the rules, so a mistake stays unseen only if it is made twice. The goroutine of the test owns
// it.
type contract struct {
	now        time.Time
	known      bool
	licenses   []string                   // nil: the firm has every license
	clients    map[string]map[string]bool // the contacts of each client, and whether they are Primary
	archived   map[string]bool
	contacts   map[string]email
	merged     map[string]string // the contact that each merged one means
	suppressed map[string]causes
	templates  map[string]bool
	refused    map[string]bool // by the mail server
	greylists  bool            // the mail server defers every mail
	remindsIn  time.Duration   // how long the firm waits before it reminds people; 0: for ever
	removed    map[string]bool // "client c1" or "contact k1", since it was removed

	access   map[place]*modelAccess
	invites  map[uuid.UUID]*modelInvite
	queued   int       // how often an invite was queued
	runs     []*fanOut // not complete yet
	reported []string  // since the last step
	mails    []string  // since the last step
}

const (
	inviteTTL, cooldown, maxAge = 30 * 24 * time.Hour, 10 * time.Minute, 90 * 24 * time.Hour

	sInvited, sActive, sExpired, sRemoved = "invited", "active", "expired", "removed"
	sQueued, sSent, sSkipped, sFailed     = "queued", "sent", "skipped", "failed"
)

type (
	// email is an address as written and in its normal form, which is empty if the address is not valid.
	email struct{ written, normal string }
	// place is a person ("contact:…", "email:…") at a client's portal.
	place struct{ client, person string }
	// modelAccess is a person's access to a portal. The login is empty if another person owns it.
	modelAccess struct {
		state, login    string
		invite          uuid.UUID // the invite whose link opens the portal
		mailed, expires time.Time
		reminders       int       // since the invite
		reminded        time.Time // the newest of all
		ended           string    // why it ended by itself
		over            time.Time // when it was removed
	}
	// modelInvite is one recipient of one request, with the state of their invite.
	modelInvite struct {
		id       uuid.UUID
		cause    string
		process  events.Type
		resend   bool
		audience string // of a bulk resend, and of a reminder
		client   string
		who      named
		template string
		at       time.Time
		run      string    // the event id of its bulk request; "" if there is none
		reminds  uuid.UUID // of a reminder: the invite that it belongs to
		together bool      // a reminder that is part of another one's mail

		state, conflict string
		codes           []string
		revision        int
		decided         time.Time
		person          string
		to              email
		expires         time.Time
		again           bool // a replay decides it
		delivered       bool // it was reported that this mail is in the mailbox
		tried           bool // its mail was given to the mail server
		triedAt         time.Time
		number          int // in the order in which invites were queued
	}
	// fanOut is a run: a bulk request or a replay. A quiet one reports nothing unless it changes an outcome.
	fanOut struct {
		cause, kind    string
		invites        []*modelInvite
		tooOld         int
		quiet, changed bool
	}
)

func newContract(now time.Time) *contract {
	return &contract{
		now: now, clients: map[string]map[string]bool{}, archived: map[string]bool{}, contacts: map[string]email{},
		merged:     map[string]string{},
		suppressed: map[string]causes{}, templates: map[string]bool{}, refused: map[string]bool{},
		access: map[place]*modelAccess{}, invites: map[uuid.UUID]*modelInvite{}, removed: map[string]bool{},
	}
}

// licenseOf has a line for every type that invites; "" means that it needs no license.
var licenseOf = map[events.Type]string{
	events.InviteRequested: "", events.InviteResendRequested: "",
	events.FileShared: "document_management", events.EsignRequested: "esign",
	events.BulkInviteRequested: "client_management",
	events.ClientRequestSent:   "client_requests", events.ClientSurveySent: "client_requests",
}

// concluded are the fields that the model works out itself. The steps set all others.
var concluded = []string{"access", "merged", "invites", "queued", "runs", "reported", "mails"}

// A fact that no step changes is the same in every sequence. Then no sequence has the reason that depends on it.
func TestStepsChangeEveryFactOfTheModel(t *testing.T) {
	t.Parallel()
	steps := read(t, "model_steps_test.go")
	for field := range reflect.TypeFor[contract]().Fields() {
		if !slices.Contains(concluded, field.Name) && !strings.Contains(steps, "model."+field.Name) {
			t.Errorf("%s: no step in internal/pipeline/model_steps_test.go changes it", field.Name)
		}
	}
}

// notPlayed lists the reasons that the model leaves out, and why.
var notPlayed = map[rules.Code]string{
	rules.HasDeclined:      "nobody declines in a sequence: decline_test.go has what follows",
	rules.RecipientLimit:   "the workers of the model have no limits; limits_test.go has them",
	rules.AddedPeopleLimit: "the same",
	rules.RunCancelled:     "no run is cancelled: obey_test.go has that",
	rules.PersonErased:     "nobody is erased: erased_test.go has that",
}

// The model must have every reason. Without it, no test would notice if the pipeline gave that reason to everybody or
// to nobody.
func TestModelKnowsEveryReason(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("model_contract_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range rules.Codes() {
		_, left := notPlayed[code]
		if played := strings.Contains(string(source), `fails("`+string(code)+`"`); played == left {
			t.Errorf("%s: the model (reasons in internal/pipeline/model_contract_test.go) has it: %t; it is in notPlayed: %t",
				code, played, left)
		}
		if code.Settled() != slices.Contains(settledCodes, string(code)) {
			t.Errorf("%s: settled is %t, not so in settledCodes of internal/pipeline/model_contract_test.go", code,
				code.Settled())
		}
	}
	for _, typ := range events.InvitingTypes() {
		if _, known := licenseOf[typ]; !known {
			t.Errorf("%s: licenseOf in internal/pipeline/model_contract_test.go does not say which license it needs", typ)
		}
	}
}

var settledCodes = []string{"declined", "already_invited", "already_has_access", "not_invited", "access_removed",
	"resend_too_soon", "superseded", "reminded_together", "duplicate_recipient",
	"person_erased"}

// reasons is the contract's table "Rules, in order". first is an earlier mention of the same person in the same
// request; nil if there is none.
func (c *contract) reasons(i, first *modelInvite) (codes []string, conflict string) {
	fails := func(code string, when bool) {
		if when {
			codes = append(codes, code)
		}
	}
	client, there := c.clients[i.client]
	contact := c.contactNow(i.who.contact)
	_, on := client[contact]
	primary := slices.Contains(slices.Collect(maps.Values(client)), true)
	bulk, itself := i.process == events.BulkInviteRequested, i.who == named{}
	_, known := c.contacts[contact]
	license := licenseOf[i.process]

	fails("firm_not_found", !c.known)
	fails("license_required", c.known && c.licenses != nil && license != "" && !slices.Contains(c.licenses, license))
	fails("client_not_found", !there)
	fails("client_inactive", there && c.archived[i.client])
	fails("client_has_no_contacts", bulk && there && (itself || len(client) == 0))
	fails("contact_not_found", !bulk && i.who.contact != "" && !known)
	fails("contact_not_on_client", !bulk && i.who.contact != "" && there && !on)
	fails("no_primary_contact", bulk && len(client) > 0 && !primary)
	fails("contact_not_primary", bulk && !itself && primary && !client[contact])
	if !itself {
		conflict = c.reasonsOfPerson(i, first, fails)
	}
	fails("template_not_found", i.template != "" && !c.templates[i.template])
	return codes, conflict
}

func (c *contract) reasonsOfPerson(i, first *modelInvite, fails func(code string, when bool)) (conflict string) {
	waits := i.state == sQueued // it was decided before, and is about to leave
	person, email := c.means(i.client, i.who)
	if waits {
		person, email = i.person, c.emailNow(i)
	}
	newer := waits && c.newer(i) != nil
	_, known := c.contacts[c.contactNow(i.who.contact)]
	// For an unknown contact, contact_not_found is the reason.
	unknown := i.who.contact != "" && !known && i.process != events.BulkInviteRequested
	fails("email_missing", email.written == "" && !unknown)
	fails("email_invalid", email.written != "" && email.normal == "")
	fails("email_suppressed", c.suppressed[email.normal] != causes{})
	holder := c.holder(email.normal)
	if holder.person != "" && holder.person != person {
		fails("email_shared", true)
		conflict = strings.TrimPrefix(holder.person, "contact:") + "@" + holder.client
		if strings.HasPrefix(holder.person, "email:") {
			conflict = "@" + holder.client
		}
	}
	a, ever := c.access[place{i.client, person}]
	if !ever {
		a = &modelAccess{}
	}
	invitedJustNow := first != nil && a.invite == first.id // then the only reason is duplicate_recipient
	tooSoon := !a.mailed.IsZero() && c.now.Before(a.mailed.Add(cooldown))
	// Somebody who waits in a run can be invited individually.
	opener := c.invites[a.invite]
	inRun := opener != nil && opener.state == sQueued && opener.process == events.BulkInviteRequested &&
		i.process != events.BulkInviteRequested && !i.again
	own := waits && a.invite == i.id
	// An invite ends the link to the old email.
	otherLogin := a.live() && a.login != "" && email.normal != "" && a.login != email.normal
	fails("already_invited", (!i.resend || i.audience == "active") && a.state == sInvited &&
		!invitedJustNow && !own && !newer && !inRun && !otherLogin)
	fails("already_has_access", (!i.resend || i.audience == "invited") && a.state == sActive)
	fails("not_invited", i.resend && (!ever || a.state == sExpired))
	fails("access_removed", (i.resend || waits) && (a.state == sRemoved || waits && !ever))
	fails("email_changed", i.resend && otherLogin)
	again := !i.resend && a.state == sRemoved && a.ended == "" && a.login == email.normal && opener != nil && opener.tried
	fails("resend_too_soon", (i.resend && a.state != sRemoved || again) && !waits && tooSoon && first == nil &&
		!otherLogin)
	replaced := i.reminds != uuid.Nil && a.invite != i.reminds && a.invite != i.id
	fails("superseded", (newer || replaced) &&
		(a.state == sInvited || a.state == sActive && i.resend && i.audience != "invited"))
	fails("reminded_together", i.together)
	fails("duplicate_recipient", first != nil)
	return conflict
}

// emailNow is where the mail of a queued invite goes by today's facts.
func (c *contract) emailNow(i *modelInvite) email {
	if to, known := c.contacts[contactIn(i.person)]; known {
		return to
	}
	return i.who.email
}

// newer is the newest invite for the same access that was decided after another one, and whose mail waits or has left;
// nil if there is none.
func (c *contract) newer(than *modelInvite) (newest *modelInvite) {
	for _, i := range c.invites {
		if i.client == than.client && i.person == than.person && i.number > than.number &&
			(i.state == sQueued || i.state == sSent) && (newest == nil || i.number > newest.number) {
			newest = i
		}
	}
	return newest
}

// means says which person a recipient is, and where their mail goes.
func (c *contract) means(client string, who named) (person string, to email) {
	if who.contact != "" {
		contact := c.contactNow(who.contact)
		return "contact:" + contact, c.contacts[contact]
	}
	if who.email.normal == "" {
		return "", who.email
	}
	person = c.logsIn(client, who.email.normal)
	if to, known := c.contacts[contactIn(person)]; known {
		return person, to
	}
	return person, who.email
}

// logsIn says who an email means on a client: who logs in with it, if they are on the client or have access there; then
// a contact of the client with that email, first one with access there; then the email alone.
func (c *contract) logsIn(client, email string) string {
	holder := c.holder(email).person
	_, on := c.clients[client][contactIn(holder)]
	if a := c.access[place{client, holder}]; holder != "" && (on || a != nil && a.live()) {
		return holder
	}
	found := "email:" + email
	for _, id := range slices.Sorted(maps.Keys(c.clients[client])) {
		if to, known := c.contacts[id]; !known || to.normal != email {
			continue
		}
		if a := c.access[place{client, "contact:" + id}]; a != nil && a.live() {
			return "contact:" + id
		}
		if contactIn(found) == "" {
			found = "contact:" + id
		}
	}
	return found
}

// firstWith is the first contact on a client with an email; "" if there is none.
func (c *contract) firstWith(client, email string) string {
	for _, id := range slices.Sorted(maps.Keys(c.clients[client])) {
		if email != "" && c.contacts[id].normal == email {
			return "contact:" + id
		}
	}
	return ""
}

func (a *modelAccess) live() bool { return a.state == sInvited || a.state == sActive }

// holder is the person who owns a login by live access, with the first client where they have it.
func (c *contract) holder(login string) (held place) {
	for at, a := range c.access {
		if login != "" && a.live() && a.login == login && (held.client == "" || at.client < held.client) {
			held = at
		}
	}
	return held
}

// decide decides recipients in their order. An invite that is sent, queued or settled stays as it is.
func (c *contract) decide(list []*modelInvite, run *fanOut) {
	type mention struct{ cause, client, person string }
	firsts := map[mention]*modelInvite{}
	for _, i := range list {
		person, _ := c.means(i.client, i.who)
		key := mention{i.cause, i.client, person + i.who.unreadable()}
		first := firsts[key]
		if first == nil {
			firsts[key] = i
		}
		c.invites[i.id] = i
		if i.revision > 0 && !i.mayChange() {
			continue
		}
		i.again = run != nil && run.kind == "replay"
		codes, conflict := c.reasons(i, first)
		if i.state == sSkipped && slices.Equal(codes, i.codes) && conflict == i.conflict {
			continue
		}
		if asked := i.again && !run.quiet; i.state == sFailed && len(codes) > 0 && !asked {
			continue // what failed stays failed, unless somebody asks for a replay
		}
		if run != nil {
			run.changed = true
		}
		i.codes, i.conflict, i.decided = codes, conflict, c.now
		if len(codes) == 0 {
			c.queue(i)
			continue
		}
		i.state, i.expires = sSkipped, time.Time{}
		i.revision++
		c.report("InviteSkipped %s.%d %v %s", i.id, i.revision, codes, conflict)
	}
	if run != nil {
		run.invites = list
		c.runs = append(c.runs, run)
	}
}

func (i *modelInvite) mayChange() bool {
	isSettled := func(code string) bool {
		return slices.Contains(settledCodes, code) && (code != "resend_too_soon" || i.resend)
	}
	return i.state == sFailed || i.state == sSkipped && !slices.ContainsFunc(i.codes, isSettled)
}

// queue queues an invite, and reserves its access and its login. A resend reserves nothing new.
func (c *contract) queue(i *modelInvite) {
	i.person, i.to = c.means(i.client, i.who)
	c.queued++
	i.state, i.expires, i.number = sQueued, c.now.Add(inviteTTL), c.queued
	at := place{i.client, i.person}
	if !i.resend {
		fresh := &modelAccess{state: sInvited, invite: i.id, expires: i.expires}
		if old := c.access[at]; old != nil {
			fresh.reminded = old.reminded
			if old.invite == i.id {
				fresh.reminders = old.reminders
			}
		}
		c.access[at] = fresh
	}
	a := c.access[at]
	a.login, a.mailed = i.to.normal, c.now
}

// settle sends the queued invites and completes the runs. Each is decided once more before its mail leaves, or before
// the mail server defers it. An address that the mail server refuses gets no more mail. If several invites to it were
// on their way at once, each of them may be refused. The first refusal may also have overtaken some, which are skipped
// then.
func (c *contract) settle(overtaken func(uuid.UUID) bool) {
	var leaving, late []*modelInvite
	for _, i := range c.invites {
		if i.state != sQueued || c.decideAgain(i) {
			continue
		}
		i.tried, i.triedAt = true, c.now
		c.renew(i)
		if !c.greylists {
			leaving = append(leaving, i)
		}
	}
	for _, i := range leaving {
		if c.refused[i.to.normal] && overtaken(i.id) {
			late = append(late, i)
		} else {
			c.leave(i)
		}
	}
	for _, i := range late {
		if c.suppressed[i.to.normal] == (causes{}) {
			c.leave(i) // no refusal has overtaken it, so the published skip is wrong
			continue
		}
		c.withdraw(i, []string{"email_suppressed"}, "")
	}
	c.complete()
}

// renew gives a link all its time again whose mail has waited for more than an hour. The access lasts as long, if this
// is its link.
func (c *contract) renew(i *modelInvite) {
	until := c.now.Add(inviteTTL)
	if until.Sub(i.expires) <= time.Hour {
		return
	}
	i.expires = until
	if a := c.access[place{i.client, i.person}]; a != nil && a.state == sInvited && a.invite == i.id {
		a.expires = until
	}
}

// decideAgain decides an invite that is about to leave, and says whether it is skipped.
func (c *contract) decideAgain(i *modelInvite) bool {
	codes, conflict := c.reasons(i, nil)
	if len(codes) == 0 {
		return false
	}
	c.withdraw(i, codes, conflict)
	return true
}

// withdraw skips a queued invite.
func (c *contract) withdraw(i *modelInvite, codes []string, conflict string) {
	i.state, i.codes, i.conflict, i.decided, i.expires = sSkipped, codes, conflict, c.now, time.Time{}
	i.revision++
	c.report("InviteSkipped %s.%d %v %s", i.id, i.revision, i.codes, conflict)
	c.unused(i)
}

// causes are what stops mail to an email.
type causes struct{ bounce, complaint, manual bool }

// with begins or ends a cause. A person's decision ends all of them.
func (by causes) with(cause string, on bool) causes {
	switch {
	case cause == "bounce":
		by.bounce = on
	case cause == "complaint":
		by.complaint = on
	case on:
		by.manual = true
	default:
		by = causes{}
	}
	return by
}

// leave sends an invite's mail to the mail server.
func (c *contract) leave(i *modelInvite) {
	i.revision++
	if c.refused[i.to.normal] {
		i.state = sFailed
		c.suppressed[i.to.normal] = c.suppressed[i.to.normal].with("bounce", true)
		c.report("InviteFailed %s.%d", i.id, i.revision)
		c.unused(i)
		return
	}
	i.state, i.delivered = sSent, false
	c.report("InviteSent %s.%d", i.id, i.revision)
	c.mails = append(c.mails, i.to.normal+" "+i.id.String())
	a := c.access[place{i.client, i.person}]
	a.invite, a.expires = i.id, i.expires // a resend replaces the old link now, and its end
}

// unused ends an access whose invite could not be delivered, unless a newer mail for it waits.
func (c *contract) unused(i *modelInvite) {
	a := c.access[place{i.client, i.person}]
	if a == nil || a.invite != i.id || a.state != sInvited { // it was pruned before its invite
		return
	}
	if newer := c.newer(i); newer != nil {
		a.invite = newer.id
		return
	}
	a.state = sExpired
}

func (c *contract) complete() {
	waits := func(i *modelInvite) bool { return i.state == sQueued }
	pending := slices.DeleteFunc(slices.Clone(c.runs), func(run *fanOut) bool {
		return !slices.ContainsFunc(run.invites, waits)
	})
	for _, run := range c.runs {
		if slices.Contains(pending, run) {
			continue
		}
		counts, byReason := map[string]int{}, map[string]int{}
		for _, i := range run.invites {
			counts[i.state]++
			if i.state == sSkipped {
				byReason[i.codes[0]]++
			}
		}
		if !run.quiet || run.changed {
			c.report("RunCompleted %s %s %d = %d + %d + %d, %d too old, %v", run.kind, run.cause, len(run.invites),
				counts[sSent], counts[sSkipped], counts[sFailed], run.tooOld, byReason)
		}
	}
	c.runs = pending
}

// replayable returns the invites that may have been fixed and match, in the order of their ids.
func (c *contract) replayable(matches func(*modelInvite) bool) (list []*modelInvite) {
	for _, i := range c.invites {
		if i.mayChange() && matches(i) {
			list = append(list, i)
		}
	}
	slices.SortFunc(list, func(a, b *modelInvite) int { return bytes.Compare(a.id[:], b.id[:]) })
	return list
}

// end ends a person's access if it has one of these states, and says whether it did.
func (c *contract) end(at place, states ...string) bool {
	a := c.access[at]
	if a == nil || !slices.Contains(states, a.state) {
		return false
	}
	c.report("AccessRemoved %s %s %s ", at.client, contactIn(at.person), a.state)
	a.state, a.over = sRemoved, c.now
	return true
}

// contactNow is the contact that an id means: itself, or the one that it was merged into.
func (c *contract) contactNow(id string) string {
	if into := c.merged[id]; into != "" {
		return into
	}
	return id
}

// merge merges a contact into another one, which gets its record, its places, its access and its invites.
func (c *contract) merge(from, into string) {
	from, into = c.contactNow(from), c.contactNow(into)
	if from == into {
		return
	}
	c.merged[from] = into
	for id, means := range c.merged {
		if means == from {
			c.merged[id] = into
		}
	}
	if to, known := c.contacts[from]; known {
		if _, known := c.contacts[into]; !known {
			c.contacts[into] = to
		}
		delete(c.contacts, from)
	}
	for _, on := range c.clients {
		if primary, listed := on[from]; listed {
			on[into] = on[into] || primary
			delete(on, from)
		}
	}
	for at, a := range c.access {
		if at.person == "contact:"+from {
			delete(c.access, at)
			c.keepOne(place{at.client, "contact:" + into}, a)
		}
	}
	for _, i := range c.invites {
		if i.person == "contact:"+from {
			i.person = "contact:" + into
		}
	}
}

// keepOne keeps the access that is further along, of the one at a place and a merged contact's.
func (c *contract) keepOne(at place, merged *modelAccess) {
	kept := c.access[at]
	if kept == nil {
		c.access[at] = merged
		return
	}
	rank := func(a *modelAccess) int {
		switch opener := c.invites[a.invite]; {
		case a.state == sActive:
			return 3
		case a.state == sInvited && opener != nil && opener.state == sSent:
			return 2
		case a.state == sInvited:
			return 1
		}
		return 0
	}
	other := merged
	if rank(merged) > rank(kept) {
		kept, other = merged, kept
	}
	if kept.invite == uuid.Nil && kept.live() && other.live() {
		kept.invite = other.invite
	}
	if other.mailed.After(kept.mailed) {
		kept.mailed = other.mailed
	}
	if other.reminded.After(kept.reminded) {
		kept.reminded = other.reminded
	}
	c.access[at] = kept
}

// endByFacts ends the pending access of a contact whose email is not the login, after a fact about the contact ("": the
// fact is about a client), and of contacts whom the client does not list.
func (c *contract) endByFacts(about string) {
	for at, a := range c.access {
		contact := contactIn(at.person)
		why := ""
		if to, known := c.contacts[contact]; known && contact == about && to.normal != a.login {
			why = "email_changed"
		}
		if client, known := c.clients[at.client]; known && contact != "" {
			if _, on := client[contact]; !on {
				why = "not_on_client"
			}
		}
		if a.state == sInvited && why != "" {
			c.report("AccessRemoved %s %s invited %s", at.client, contact, why)
			a.state, a.ended, a.over = sRemoved, why, c.now
		}
	}
}

// suspended says whether access opens nothing for now. Guests are on no client's list.
func (c *contract) suspended(at place) bool {
	client, known := c.clients[at.client]
	_, on := client[contactIn(at.person)]
	return known && (c.archived[at.client] || contactIn(at.person) != "" && !on)
}

// remove ends the access of named recipients, also if it is expired. An email means who logs in with it, the contact
// who has it, and the person who was added by it. A contact also means the person who was added by the contact's email.
// A recipient without access gets an outcome, too.
func (c *contract) remove(client string, who []named) {
	persons := make([][]string, len(who))
	for i, n := range who {
		person, to := c.means(client, n)
		persons[i] = []string{person, "email:" + to.normal}
		if n.contact == "" {
			persons[i] = append(persons[i], "email:"+n.email.normal, c.holder(n.email.normal).person,
				c.firstWith(client, n.email.normal))
		}
	}
	ended := map[string]bool{}
	for _, list := range persons {
		for _, is := range list {
			ended[is] = ended[is] || c.end(place{client, is}, sInvited, sActive, sExpired)
		}
	}
	isReported := map[string]bool{}
	for i, n := range who {
		key := persons[i][0] + n.unreadable()
		if !slices.ContainsFunc(persons[i], func(is string) bool { return ended[is] }) && !isReported[key] {
			c.report("AccessRemoved %s %s  ", client, contactIn(persons[i][0]))
			isReported[key] = true
		}
	}
}

func (c *contract) removeWhere(ends func(place) bool) {
	for at := range c.access {
		if ends(at) {
			c.end(at, sInvited, sActive)
		}
	}
}

// grant makes access active. A login that another person owns stays theirs.
func (c *contract) grant(client string, who named) {
	person, to := c.means(client, who)
	if who.contact == "" {
		person, to = c.logsIn(client, who.email.normal), who.email
	}
	at := place{client, person}
	if c.access[at] == nil {
		c.access[at] = &modelAccess{}
	}
	a, holder := c.access[at], c.holder(to.normal).person
	if !a.live() || a.login == "" {
		a.login = to.normal
		if holder != "" && holder != person {
			a.login = ""
		}
	}
	switch a.state {
	case sInvited:
		c.report("InviteAccepted %s", a.invite)
	case sRemoved:
		a.invite = uuid.Nil // a revoked link stays revoked
	}
	a.state = sActive
}

// redeem says what a link leads to. Only the first redemption changes something.
func (c *contract) redeem(i *modelInvite) answer.Redemption {
	leads, a := c.leadsTo(i), c.access[place{i.client, i.person}]
	if leads == answer.LinkOpened && a.state == sInvited {
		a.state = sActive
		c.report("InviteAccepted %s", i.id)
	}
	return leads
}

func (c *contract) jump(far time.Duration) {
	c.now = c.now.Add(far)
	for _, a := range c.access {
		if a.state == sInvited && !c.now.Before(a.expires) {
			a.state = sExpired
			c.report("InviteExpired %s", a.invite)
		}
	}
}

func (c *contract) report(format string, args ...any) {
	c.reported = append(c.reported, fmt.Sprintf(format, args...))
}

func (c *contract) accesses() (list []string) {
	for at, a := range c.access {
		login := a.login
		if !a.live() {
			login = ""
		}
		list = append(list, fmt.Sprintf("%s %s %s %s", at.client, at.person, a.state, login))
	}
	return list
}
