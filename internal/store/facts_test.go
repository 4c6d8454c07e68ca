package store_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"portal-invites/internal/rules"
	"portal-invites/internal/store"
)

// adder adds a fact to a batch. version tells two facts about the same thing apart.
type adder func(f *store.Facts, version string, at store.Position)

// things has one thing of each kind, with what adds a fact about it and the query that reads its version.
var things = map[string]struct {
	add    adder
	remove adder // nil: it can't be removed
	read   string
}{
	"firm": {
		add: func(f *store.Facts, version string, at store.Position) {
			f.Firm(rules.Firm{ID: "acme", Name: version, PortalURL: "https://p.example"}, at)
		},
		read: `SELECT name FROM firms`,
	},
	"contact": {
		add: func(f *store.Facts, version string, at store.Position) {
			f.Contact("acme", rules.Contact{ID: "k", Name: version, Email: email("k@example.com")}, at)
		},
		remove: func(f *store.Facts, _ string, at store.Position) { f.ContactRemoved("acme", "k", at) },
		read:   `SELECT CASE WHEN removed THEN 'removed' ELSE name END FROM contacts`,
	},
	"client": {
		add: func(f *store.Facts, version string, at store.Position) {
			contacts := []rules.ClientContact{{ContactID: "k"}}
			f.Client("acme", rules.Client{
				ID: "c", Name: version, Kind: rules.Business, Active: true, Contacts: contacts,
			}, at)
		},
		remove: func(f *store.Facts, _ string, at store.Position) { f.ClientRemoved("acme", "c", at) },
		read:   `SELECT CASE WHEN removed THEN 'removed' ELSE name END FROM clients`,
	},
	"suppression": {
		// The time since when it is suppressed stands for the version.
		add: func(f *store.Facts, version string, at store.Position) {
			since := time.Unix(int64(slices.Index(versions, version)), 0)
			f.Suppression("acme", "k@example.com", store.CauseBounce, since, at)
		},
		remove: func(f *store.Facts, _ string, at store.Position) {
			f.Unsuppression("acme", "k@example.com", store.CauseBounce, time.Now(), at)
		},
		read: `SELECT CASE WHEN lifted THEN 'removed'
			ELSE ('{"1", "2", "3", "100", "new", "other"}'::text[])[1 + extract(epoch FROM suppressed_at)] END
			FROM suppressions`,
	},
	"template": {
		add: func(f *store.Facts, version string, at store.Position) {
			f.Template("acme", "t", version, "body", at)
		},
		read: `SELECT name FROM templates`,
	},
}

// versions are those of the steps below.
var versions = []string{"1", "2", "3", "100", "new", "other"}

func TestTheNewestFactWinsInAnyOrder(t *testing.T) {
	t.Parallel()
	type step struct {
		version string // or "removed"
		at      store.Position
	}
	for kind, thing := range things {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			for name, c := range map[string]struct {
				steps []step
				want  string
			}{
				"newer":                          {[]step{{"1", at(1)}, {"2", at(2)}}, "2"},
				"an older one comes late":        {[]step{{"2", at(2)}, {"1", at(1)}}, "2"},
				"the same again":                 {[]step{{"1", at(1)}, {"other", at(1)}}, "1"},
				"removed":                        {[]step{{"1", at(1)}, {"removed", at(2)}}, "removed"},
				"older than the removal":         {[]step{{"removed", at(2)}, {"1", at(1)}}, "removed"},
				"removed before it was known":    {[]step{{"removed", at(2)}}, "removed"},
				"made again":                     {[]step{{"removed", at(2)}, {"3", at(3)}}, "3"},
				"a removal older than the fact":  {[]step{{"3", at(3)}, {"removed", at(2)}}, "3"},
				"a new stream begins at 1":       {[]step{{"100", at(100)}, {"new", anew(1)}}, "new"},
				"the old stream after a new one": {[]step{{"new", anew(1)}, {"100", at(100)}}, "new"},
				"removed in the new stream":      {[]step{{"100", at(100)}, {"removed", anew(1)}}, "removed"},
			} {
				removes := false
				for _, together := range []bool{false, true} { // each in a batch of its own, then all in one
					_, err := b.db.Exec(t.Context(), `TRUNCATE firms, contacts, clients, suppressions, templates`)
					b.must(err)
					var facts store.Facts
					for _, s := range c.steps {
						if s.version == "removed" {
							removes = true
							if thing.remove == nil {
								continue
							}
							thing.remove(&facts, s.version, s.at)
						} else {
							thing.add(&facts, s.version, s.at)
						}
						if !together {
							b.apply(&facts)
							facts = store.Facts{}
						}
					}
					if removes && thing.remove == nil {
						continue
					}
					if together {
						b.apply(&facts)
					}
					if got := query[string](b, thing.read); got != c.want {
						t.Errorf("%s (together: %v): %q is stored, want %q", name, together, got, c.want)
					}
				}
			}
		})
	}
}

func (b base) apply(facts *store.Facts) {
	b.Helper()
	b.do(func(ctx context.Context, tx *store.Tx) error { _, err := tx.ApplyFacts(ctx, facts); return err })
}

// In whatever order access changes come, the newest decides: two workers share the facts.
func TestTheNewestGrantOrRemovalWinsInAnyOrder(t *testing.T) {
	t.Parallel()
	type changes = []func(context.Context, *store.Tx) error
	b := open(t)
	grant := func(sequence uint64) func(context.Context, *store.Tx) error {
		return func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Grant(ctx, []store.Grant{
				{FirmID: "acme", ClientID: "c", ContactID: "k", GrantedAt: now, At: at(sequence)},
			}, now)
			return err
		}
	}
	removal := func(sequence uint64) func(context.Context, *store.Tx) error {
		return func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.EndContact(ctx, "acme", "k", "", at(sequence))
			return err
		}
	}
	clientGone := func(sequence uint64) func(context.Context, *store.Tx) error {
		return func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.EndClient(ctx, "acme", "c", at(sequence))
			return err
		}
	}
	upsert := func(sequence uint64) func(context.Context, *store.Tx) error {
		return func(ctx context.Context, tx *store.Tx) error {
			var facts store.Facts
			facts.Contact("acme", rules.Contact{ID: "k", Name: "Kay", Email: email("k@example.com")}, at(sequence))
			_, err := tx.ApplyFacts(ctx, &facts)
			return err
		}
	}
	for name, c := range map[string]struct {
		steps changes // in the stream's order
		want  string
	}{
		"granted, then removed":        {changes{upsert(1), grant(2), removal(3)}, "removed"},
		"removed, made again, granted": {changes{upsert(1), removal(2), upsert(3), grant(4)}, "active"},
		"granted, removed, granted":    {changes{upsert(1), grant(2), removal(3), upsert(4), grant(5)}, "active"},
		"granted, removed, and both again": {
			changes{upsert(1), grant(2), removal(3), upsert(4), grant(5), removal(6)}, "removed",
		},
		"client removed, made, granted": {changes{upsert(1), grant(2), clientGone(3), grant(4)}, "active"},
		"granted, client removed":       {changes{upsert(1), grant(2), clientGone(3)}, "removed"},
		"the same removal again, later": {changes{upsert(1), removal(2), upsert(3), grant(4), removal(2)}, "active"},
	} {
		random := rand.New(rand.NewPCG(1, 1))
		for range 12 {
			_, err := b.db.Exec(t.Context(), `TRUNCATE contacts, access, logins, removals`)
			b.must(err)
			order := random.Perm(len(c.steps))
			for _, i := range order {
				b.do(c.steps[i])
			}
			got := query[string](b, `SELECT coalesce((SELECT state FROM access), 'none')`)
			if got == "none" && c.want == "removed" {
				got = c.want // the removal came first, so access was never given
			}
			if got != c.want {
				t.Errorf("%s, in the order %v: access is %s, want %s", name, order, got, c.want)
				break
			}
		}
	}
}
