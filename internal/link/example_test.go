package link_test

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"portal-invites/internal/link"
)

// A key is rotated: the new one signs, and the old one still opens the links that it made. When the last of these links
// has expired, the old key is dropped.
func ExampleKeyring() {
	const (
		oldKey = "k1:YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE="
		newKey = "k2:YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI="
	)
	invite := uuid.MustParse("0192f3a1-7c55-7d11-9b2e-4f6a5c1d2e3f")

	before, _ := link.ParseKeyring(oldKey)
	url, _ := before.URL("https://portal.acme.example", invite, 3)
	fmt.Println(url)

	during, _ := link.ParseKeyring(newKey + "," + oldKey)
	id, nonce, err := during.Open(before.Token(invite, 3))
	fmt.Println(id == invite, nonce, err)
	fmt.Println(during) // a keyring prints its ids, never its keys

	after, _ := link.ParseKeyring(newKey)
	_, _, err = after.Open(before.Token(invite, 3))
	fmt.Println(err, errors.Is(err, link.ErrInvalid))

	// Output:
	// https://portal.acme.example/invite/k1.AZLzoXxVfRGbLk9qXB0uPwN0rbuqm5wYjunoW4_5poT5
	// true 3 <nil>
	// link keys [k2 k1]
	// link: invalid token true
}
