package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"portal-invites/internal/rules"
)

// A transaction that writes holds a lock beside all others. One that erases a person waits for them, and they wait for
// it. So nobody writes, after an erasure, what they have read before it (ADR 171). The lock comes with BEGIN, so it is
// no round trip.
const (
	besideErasures = `SELECT pg_advisory_xact_lock_shared(171088)`
	asErasure      = `SELECT pg_advisory_xact_lock(171088)`
)

// Named is one name of a person of a firm: a contact, or an email.
type Named = rules.PersonKey

// Erasure says that the person with a name was erased.
type Erasure struct {
	At        Position // what is older never brings the person back
	ErasedAt  time.Time
	By, Why   string
	LiftedAt  time.Time // zero while it holds
	LiftedBy  string
	LiftedFor string // why
	LeftOut   int    // facts and requests that were left out since
	LeftOutAt time.Time
}

// Holds says whether nothing about the person may be written.
func (e Erasure) Holds() bool { return e.LiftedAt.IsZero() }

// LeavesOut says whether a fact at a place in the stream is left out.
func (e Erasure) LeavesOut(at Position) bool { return e.Holds() || at.Before(e.At) }

// erasedText begins what stands in the place of an erased person's email.
const erasedText = "erased:"

// IsErased says whether a stored email is the hash of an erased person's.
func IsErased(email string) bool { return strings.HasPrefix(email, erasedText) }

// hash is the keyed hash of a name.
func hash(key []byte, n Named) []byte { return hashOf(key, n.FirmID, string(n.Person)) }

func hashOf(key []byte, parts ...string) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range parts {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(part)))
		_, _ = mac.Write(size[:])
		_, _ = mac.Write([]byte(part))
	}
	return mac.Sum(nil)
}

// erasureKey is the key of the names. It is read once.
func (s *Store) key(ctx context.Context, in querier) ([]byte, error) {
	if key := s.erasureKey.Load(); key != nil {
		return *key, nil
	}
	rows, err := in.Query(ctx, `SELECT key FROM erasure_key`)
	if err != nil {
		return nil, fmt.Errorf("read the key of erasures: %w", err)
	}
	key, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, fmt.Errorf("read the key of erasures: %w", err)
	}
	s.erasureKey.Store(&key)
	return key, nil
}

// ContentHash is the keyed hash of a request's content. It stands in the place of what was erased.
func (s *Store) ContentHash(ctx context.Context, content []byte) ([]byte, error) {
	key, err := s.key(ctx, s.pool)
	return hashOf(key, "content", string(content)), err
}

// ContentHash is [Store.ContentHash] within a transaction.
func (t *Tx) ContentHash(ctx context.Context, content []byte) ([]byte, error) {
	key, err := t.store.key(ctx, t.tx)
	return hashOf(key, "content", string(content)), err
}

// hashedEmail stands in the place of an erased person's email.
func hashedEmail(key []byte, firmID, email string) string {
	return erasedText + hex.EncodeToString(hash(key, Named{FirmID: firmID, Person: rules.AddedPerson(email)}))
}

// firmsThatErased returns those of the firms that have ever erased anybody.
func firmsThatErased(ctx context.Context, in querier, firms []string) (map[string]bool, error) {
	rows, err := in.Query(ctx, `
		SELECT firm_id FROM unnest($1::text[]) AS f (firm_id)
		WHERE EXISTS (SELECT FROM erasures e WHERE e.firm_id = f.firm_id)`, firms)
	if err != nil {
		return nil, fmt.Errorf("look for erasures: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for erasures: %w", err)
	}
	found := make(map[string]bool, len(list))
	for _, firm := range list {
		found[firm] = true
	}
	return found, nil
}

// FirmsThatErased returns those of the firms that have ever erased anybody.
func (t *Tx) FirmsThatErased(ctx context.Context, firms []string) (map[string]bool, error) {
	return firmsThatErased(ctx, t.tx, firms)
}

// Erasures returns the erasures of names, also those that were lifted.
func (t *Tx) Erasures(ctx context.Context, names []Named) (map[Named]Erasure, error) {
	return t.store.erasures(ctx, t.tx, names)
}

func (s *Store) erasures(ctx context.Context, in querier, names []Named) (map[Named]Erasure, error) {
	found := map[Named]Erasure{}
	if len(names) == 0 {
		return found, nil
	}
	key, err := s.key(ctx, in)
	if err != nil {
		return nil, err
	}
	rows, err := in.Query(ctx, `
		SELECT n - 1, e.stream, e.sequence, e.erased_at, e.erased_by, e.reason, e.lifted_at, e.lifted_by, e.lifted_because,
			e.left_out, e.left_out_at
		FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS asked (firm_id, hash, n)
		JOIN erasures e USING (firm_id, hash)`,
		column(names, func(n Named) string { return n.FirmID }),
		column(names, func(n Named) []byte { return hash(key, n) }))
	if err != nil {
		return nil, fmt.Errorf("look for erasures: %w", err)
	}
	var n int
	var sequence int64
	var e Erasure
	var lifted, leftOut *time.Time
	_, err = pgx.ForEachRow(rows, []any{&n, &e.At.Stream, &sequence, &e.ErasedAt, &e.By, &e.Why, &lifted, &e.LiftedBy,
		&e.LiftedFor, &e.LeftOut, &leftOut}, func() error {
		e.At.Sequence, e.LiftedAt, e.LeftOutAt = uint64(sequence), orZero(lifted), orZero(leftOut)
		found[names[n]] = e
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for erasures: %w", err)
	}
	return found, nil
}

// NoteErased records that a person is erased, by their names. It says whether that is news: a newer erasure, or the end
// of one, may be on record.
func (t *Tx) NoteErased(ctx context.Context, names []Named, e Erasure) (bool, error) {
	key, err := t.store.key(ctx, t.tx)
	if err != nil {
		return false, err
	}
	tag, err := t.tx.Exec(ctx, `
		INSERT INTO erasures AS old (firm_id, hash, stream, sequence, erased_at, erased_by, reason)
		SELECT firm_id, hash, $3, $4, $5, $6, $7 FROM unnest($1::text[], $2::bytea[]) AS e (firm_id, hash)
		ON CONFLICT (firm_id, hash) DO UPDATE SET stream = excluded.stream, sequence = excluded.sequence,
			erased_at = excluded.erased_at, erased_by = excluded.erased_by, reason = excluded.reason,
			lifted_at = NULL, lifted_by = '', lifted_because = '', left_out = 0, left_out_at = NULL
		WHERE (old.stream, old.sequence) < (excluded.stream, excluded.sequence)`,
		column(names, func(n Named) string { return n.FirmID }),
		column(names, func(n Named) []byte { return hash(key, n) }),
		e.At.Stream, int64(e.At.Sequence), e.ErasedAt, validText(e.By), validText(e.Why))
	if err != nil {
		return false, fmt.Errorf("note an erasure: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

// LiftErasure ends the erasure of all names that were erased with this one. From its place on, facts about the person
// count again. It says whether an erasure held.
func (t *Tx) LiftErasure(ctx context.Context, name Named, at Position, now time.Time, by, why string) (bool, error) {
	key, err := t.store.key(ctx, t.tx)
	if err != nil {
		return false, err
	}
	tag, err := t.tx.Exec(ctx, `
		UPDATE erasures e SET stream = $3, sequence = $4, lifted_at = $5, lifted_by = $6, lifted_because = $7
		FROM erasures named
		WHERE named.firm_id = $1 AND named.hash = $2 AND named.lifted_at IS NULL
		  AND (named.stream, named.sequence) < ($3, $4)
		  AND e.firm_id = named.firm_id AND (e.stream, e.sequence) = (named.stream, named.sequence)`,
		name.FirmID, hash(key, name), at.Stream, int64(at.Sequence), now, validText(by), validText(why))
	if err != nil {
		return false, fmt.Errorf("lift an erasure: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

// NoteLeftOut counts what was left out because its person was erased, each place in the stream once.
func (t *Tx) NoteLeftOut(ctx context.Context, name Named, at Position, now time.Time) error {
	key, err := t.store.key(ctx, t.tx)
	if err != nil {
		return err
	}
	_, err = t.tx.Exec(ctx, `
		UPDATE erasures e SET left_out = e.left_out + 1, left_out_at = $5, left_out_stream = $3, left_out_sequence = $4
		FROM erasures named
		WHERE named.firm_id = $1 AND named.hash = $2 AND named.lifted_at IS NULL
		  AND (named.stream, named.sequence) < ($3, $4)
		  AND e.firm_id = named.firm_id AND (e.stream, e.sequence) = (named.stream, named.sequence)
		  AND (e.left_out_stream, e.left_out_sequence) < ($3, $4)`,
		name.FirmID, hash(key, name), at.Stream, int64(at.Sequence), now)
	if err != nil {
		return fmt.Errorf("count what was left out: %w", err)
	}
	return nil
}

// erasures reads which people of the questions were erased. Nearly always no firm has erased anybody, and nothing is
// asked.
func (b *bookLoader) erasures(ctx context.Context, t *Tx) (err error) {
	var names []Named
	for _, ask := range b.asks {
		if firm := b.book.Firms[ask.FirmID]; firm == nil || !firm.Erases {
			continue
		}
		for _, p := range ask.People() {
			names = append(names, Named{FirmID: ask.FirmID, Person: p})
		}
	}
	if len(names) == 0 {
		return nil
	}
	if b.hashes, err = t.store.key(ctx, t.tx); err != nil {
		return err
	}
	found, err := t.Erasures(ctx, names)
	for name, e := range found {
		if e.Holds() {
			b.book.Erased[name] = true
		}
	}
	return err
}

// addHashed adds what stands in the place of erased emails. An email may be known again, and its blocks outlive the
// person.
func (b *bookLoader) addHashed(emails *pairs) {
	if b.hashes == nil {
		return
	}
	b.unhashed = map[rules.EmailKey]string{}
	for i := range emails.ids {
		firm, email := emails.firms[i], emails.ids[i]
		if f := b.book.Firms[firm]; f != nil && f.Erases {
			hashed := hashedEmail(b.hashes, firm, email)
			b.unhashed[rules.EmailKey{FirmID: firm, Email: hashed}] = email
		}
	}
	for key := range b.unhashed {
		emails.add(key.FirmID, key.Email)
	}
}

// hashSuppressions puts the hash in the place of an erased person's email. While the erasure holds, nothing else is
// written of it. After that, a fact is about both: the email, and what was kept of it.
func (t *Tx) hashSuppressions(ctx context.Context, facts *Facts) error {
	var firms []string
	for about := range facts.suppressions {
		if !slices.Contains(firms, about.firmID) {
			firms = append(firms, about.firmID)
		}
	}
	if len(firms) == 0 {
		return nil
	}
	erasing, err := t.FirmsThatErased(ctx, firms)
	if err != nil || len(erasing) == 0 {
		return err
	}
	var names []Named
	for about, row := range facts.suppressions {
		names = append(names, Named{FirmID: about.firmID, Person: rules.AddedPerson(row.fact.email)})
	}
	found, err := t.Erasures(ctx, names)
	if err != nil || len(found) == 0 {
		return err
	}
	key, err := t.store.key(ctx, t.tx)
	if err != nil {
		return err
	}
	for about, row := range maps.Clone(facts.suppressions) {
		e, erased := found[Named{FirmID: about.firmID, Person: rules.AddedPerson(row.fact.email)}]
		if !erased {
			continue
		}
		if e.Holds() {
			delete(facts.suppressions, about)
		}
		hashed := row.fact
		hashed.email = hashedEmail(key, about.firmID, hashed.email)
		facts.addSuppression(about.firmID, row.at, hashed)
	}
	return nil
}

// NamesOf names people of a firm.
func NamesOf(firmID string, people []rules.Person) []Named {
	return column(people, func(p rules.Person) Named { return Named{FirmID: firmID, Person: p} })
}

// ErasedPeople are people who are erased.
type ErasedPeople map[Named]bool

// Of says of the people of a firm whether they are erased.
func (e ErasedPeople) Of(firmID string) func(rules.Person) bool {
	return func(p rules.Person) bool { return e[Named{FirmID: firmID, Person: p}] }
}

// KnownErasures returns the erasures of names, outside a transaction. Nearly always no firm has erased anybody, and
// that takes one short statement.
func (s *Store) KnownErasures(ctx context.Context, names []Named) (map[Named]Erasure, error) {
	firms := map[string]bool{}
	for _, n := range names {
		firms[n.FirmID] = true
	}
	if len(firms) == 0 {
		return nil, nil //nolint:nilnil // none
	}
	erasing, err := firmsThatErased(ctx, s.pool, slices.Collect(maps.Keys(firms)))
	if err != nil || len(erasing) == 0 {
		return nil, err
	}
	names = slices.DeleteFunc(slices.Clone(names), func(n Named) bool { return !erasing[n.FirmID] })
	return s.erasures(ctx, s.pool, names)
}

// ErasedNow returns those of the names whose people are erased.
func (s *Store) ErasedNow(ctx context.Context, names []Named) (ErasedPeople, error) {
	found, err := s.KnownErasures(ctx, names)
	erased := ErasedPeople{}
	for name, e := range found {
		if e.Holds() {
			erased[name] = true
		}
	}
	return erased, err
}
