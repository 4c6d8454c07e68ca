package link

import (
	"bytes"
	"testing"
)

// A mailbox has one name for each key, whatever the order of the keys. The name is not the MAC of a link.
func TestAMailboxHasANameForEachKey(t *testing.T) {
	t.Parallel()
	parse := func(s string) Keyring {
		t.Helper()
		ring, err := ParseKeyring(s)
		if err != nil {
			t.Fatal(err)
		}
		return ring
	}
	first := NewKey()
	second := "k2" + NewKey()[len("k1"):]
	one, both := parse(first).Mailboxes("ann@example.com"), parse(second+","+first).Mailboxes("ann@example.com")
	if len(one) != 1 || len(both) != 2 || !bytes.Equal(one[0], both[1]) || bytes.Equal(both[0], both[1]) {
		t.Errorf("with one key %x, with another one before it %x", one, both)
	}
	if other := parse(first).Mailboxes("bob@example.com"); bytes.Equal(one[0], other[0]) {
		t.Error("two mailboxes have one name")
	}
	ring := parse(first)
	if mac := ring.keys[0].mac([]byte("ann@example.com")); bytes.Equal(one[0], mac) {
		t.Error("the name of a mailbox is a MAC of a link")
	}
}

// A plan that was made before the keys were changed still names its recipients. Each part of the name counts.
func TestARecipientOfAPlanHasANameForEachKey(t *testing.T) {
	t.Parallel()
	first := NewKey()
	before, err := ParseKeyring(first)
	if err != nil {
		t.Fatal(err)
	}
	during, err := ParseKeyring("k2" + NewKey()[len("k1"):] + "," + first)
	if err != nil {
		t.Fatal(err)
	}
	names := before.Planned("f", "c", "p", "e")
	if after := during.Planned("f", "c", "p", "e"); len(after) != 2 || !bytes.Equal(after[1], names[0]) {
		t.Errorf("%x, then %x", names, after)
	}
	for _, other := range [][4]string{
		{"g", "c", "p", "e"}, {"f", "d", "p", "e"}, {"f", "c", "q", "e"}, {"f", "c", "p", "f"}, {"fc", "", "p", "e"},
	} {
		if got := before.Planned(other[0], other[1], other[2], other[3]); bytes.Equal(got[0], names[0]) {
			t.Errorf("%q has the same name", other)
		}
	}
}
