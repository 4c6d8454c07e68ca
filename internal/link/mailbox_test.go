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
