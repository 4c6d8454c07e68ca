package ledger

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// countedAnew is how long a mail waits at most before it is asked again whether it must wait for what others have sent.
// So a limit that is raised holds soon, and the time of a waiting mail says nothing about others.
const countedAnew = 10 * time.Minute

// Counts are what mails count against (ADR 152), as a transaction has read it. The goroutine of the transaction owns
// it.
type Counts struct {
	store.LimitCounts
	names   map[string][][]byte // of the mailboxes that were read; nil: nothing is limited
	changed map[string]bool     // the mailboxes that must be written
	adding  map[string]bool     // the firms whose added people must be written
	sending map[string]bool     // the firms whose rate must be written
}

// LoadCounts reads into a book what counts against the limits of questions. It is one round trip; none if nothing is
// limited.
func (l *Ledger) LoadCounts(ctx context.Context, tx *store.Tx, book *rules.Book, asks []rules.Ask) (Counts, error) {
	if !l.isLimited(book) {
		return Counts{}, nil
	}
	var emails []rules.Email
	adding, sending := map[string]bool{}, map[string]bool{}
	now := l.Now()
	for _, ask := range asks {
		if l.Policy.LimitsOf(book.Firms[ask.FirmID]).MailsHour > 0 {
			sending[ask.FirmID] = true
		}
		emails = append(emails, book.EmailOf(ask, now), ask.Recipient.Email)
		if person, _ := book.Resolve(ask, now); person.Added() && ask.Kind != rules.Resend {
			adding[ask.FirmID] = true
		}
	}
	return l.loadCounts(ctx, tx, book, emails, adding, sending)
}

// countsFor are the candidates for whose decision it matters what counts: their mails may leave with the transaction,
// or a limit has skipped them before. The others are asked before their mails leave. So the pages of a run cost nothing
// more.
func countsFor(candidates []Candidate) (list []Candidate) {
	for _, c := range candidates {
		isLimit := func(r rules.Reason) bool { return r.Code == rules.RecipientLimit || r.Code == rules.AddedPeopleLimit }
		if c.Invite.State == "" && c.Invite.Lane == store.IndividualLane || slices.ContainsFunc(c.Invite.Reasons, isLimit) {
			list = append(list, c)
		}
	}
	return list
}

// LoadBook reads everything that the rules need to answer questions, with what counts against limits.
func (l *Ledger) LoadBook(ctx context.Context, tx *store.Tx, asks []rules.Ask) (*rules.Book, error) {
	book, err := tx.LoadBook(ctx, asks)
	if err != nil {
		return nil, err
	}
	_, err = l.LoadCounts(ctx, tx, book, asks)
	return book, err
}

// isLimited says whether the operator or a firm of a book limits what its mails count against.
func (l *Ledger) isLimited(book *rules.Book) bool {
	if l.Mailboxes == nil || l.Policy.Limits != (rules.Limits{}) {
		return l.Mailboxes != nil
	}
	for _, firm := range book.Firms {
		if firm.Limits != (rules.Limits{}) {
			return true
		}
	}
	return false
}

func (l *Ledger) loadCounts(
	ctx context.Context, tx *store.Tx, book *rules.Book, emails []rules.Email, adding, sending map[string]bool,
) (c Counts, err error) {
	c = Counts{
		names: map[string][][]byte{}, changed: map[string]bool{}, adding: map[string]bool{}, sending: map[string]bool{},
	}
	var names [][]byte
	for _, email := range emails {
		mailbox := email.Mailbox()
		if _, known := c.names[mailbox]; known || email.Normal == "" {
			continue
		}
		c.names[mailbox] = l.Mailboxes(mailbox)
		names = append(names, c.names[mailbox]...)
	}
	if len(names) == 0 {
		return c, nil
	}
	c.LimitCounts, err = tx.LoadCounts(ctx, names, slices.Collect(maps.Keys(adding)), slices.Collect(maps.Keys(sending)))
	if err != nil {
		return c, err
	}
	for mailbox, names := range c.names {
		if known := c.merged(names); len(known) > 0 {
			book.Mailboxes[mailbox] = &rules.Mailbox{Mails: known}
		}
	}
	for firm, count := range c.Added {
		book.Added[firm] = &count.Added
	}
	for firm, count := range c.Rates {
		book.Rates[firm] = &count.Rate
	}
	return c, nil
}

// merged are the mails under all names of a mailbox. While keys change, a mail that one worker has counted may be
// missing under a name that another worker does not know.
func (c Counts) merged(names [][]byte) (mails []rules.Counted) {
	at := map[string]int{}
	for _, name := range names {
		for _, mail := range c.Mailboxes[string(name)].Mails {
			i, known := at[mail.Mail]
			switch {
			case !known:
				at[mail.Mail] = len(mails)
				mails = append(mails, mail)
			case mails[i].Left.IsZero():
				mails[i].Left = mail.Left
			}
		}
	}
	return mails
}

// canCount says whether the mails to an email can be counted by what was read.
func (c Counts) canCount(email rules.Email) bool {
	return c.names == nil || c.names[email.Mailbox()] != nil
}

// mailOf names the mail of an invite. A retry is the same mail, and one with another link is another mail.
func mailOf(i store.Invite) string { return i.ID.String() + "." + strconv.FormatInt(i.Nonce, 36) }

// waitsUntil is until when a mail that may leave must wait for what all firms have sent; zero if it leaves now. It is
// never far ahead: by then, the mail is asked about again.
func (t *Tx) waitsUntil(ask rules.Ask, decision rules.Decision) time.Time {
	until := t.Book.WaitsUntil(ask, decision, t.Now, t.ledger.Policy)
	if latest := t.Now.Add(countedAnew); until.After(latest) {
		return latest
	}
	return until
}

// countMail counts the mail of an invite, whose attempt goes on record with this transaction. leaves is false if it
// waits for what others have sent: then it counts against its own firm only.
func (t *Tx) countMail(ask rules.Ask, decision rules.Decision, invite store.Invite, leaves bool) {
	if t.counts.names == nil {
		return
	}
	ask.Mail = mailOf(invite)
	if !t.Book.Count(ask, decision, t.Now, leaves) {
		return
	}
	if leaves {
		t.countRate(invite)
	}
	t.counts.changed[decision.Email.Mailbox()] = true
	if decision.Person.Added() && ask.Kind != rules.Resend {
		t.counts.adding[ask.FirmID] = true
	}
}

// TakeBack takes back what was counted for the mails of failed jobs that no server has taken. Where an earlier attempt
// has an unknown end, the mail may have arrived, and counts.
func (t *Tx) TakeBack(ctx context.Context, jobs []Job) error {
	if len(jobs) == 0 || t.ledger.Mailboxes == nil {
		return nil
	}
	ids, emails, adding := make([]uuid.UUID, len(jobs)), make([]rules.Email, len(jobs)), map[string]bool{}
	for i, j := range jobs {
		ids[i], emails[i] = j.Invite.ID, j.Invite.Email
		adding[j.Invite.FirmID] = adding[j.Invite.FirmID] || j.Invite.Person.Added()
	}
	left, err := t.MayHaveLeft(ctx, ids)
	if err != nil {
		return err
	}
	t.Book = rules.NewBook()
	if t.counts, err = t.ledger.loadCounts(ctx, t.Tx, t.Book, emails, adding, nil); err != nil {
		return err
	}
	for _, j := range jobs {
		mailbox := j.Invite.Email.Mailbox()
		if left[j.Invite.ID] || !t.Book.TakeBack(mailbox, mailOf(j.Invite)) {
			continue
		}
		t.counts.changed[mailbox], t.counts.adding[j.Invite.FirmID] = true, true
	}
	return nil
}

// saveCounts writes what has changed.
func (t *Tx) saveCounts(ctx context.Context) error {
	c := &t.counts
	var mailboxes []store.MailboxCount
	for mailbox := range c.changed {
		for _, name := range c.names[mailbox] {
			row := store.MailboxCount{
				Name: name, Version: c.Mailboxes[string(name)].Version, Mails: t.Book.Mailboxes[mailbox].Mails,
			}
			mailboxes = append(mailboxes, row)
			row.Version++
			c.Mailboxes[string(name)] = row
		}
	}
	var added []store.AddedCount
	for firm := range c.adding {
		if t.Book.Added[firm] == nil {
			continue
		}
		row := store.AddedCount{FirmID: firm, Version: c.Added[firm].Version, Added: *t.Book.Added[firm]}
		added = append(added, row)
		row.Version++
		c.Added[firm] = row
	}
	if err := t.SaveMailCounts(ctx, mailboxes, added); err != nil {
		return err
	}
	if err := t.saveRates(ctx); err != nil {
		return err
	}
	clear(c.changed)
	clear(c.adding)
	return nil
}
