package app

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// login returns the options of the user, except for a user in the address. Files are read again at each connect. So a
// worker comes back after its login was replaced, without a restart.
func (b Broker) login() ([]nats.Option, error) {
	creds, nkey := b.Creds, b.NKey
	if creds == "" {
		creds = os.Getenv("NATS_CREDS_FILE")
	}
	if nkey == "" {
		nkey = os.Getenv("NATS_NKEY_FILE")
	}
	switch {
	case strings.Contains(creds, "-----BEGIN"):
		return []nats.Option{nats.UserCredentialBytes([]byte(creds))}, nil
	case creds != "":
		content, err := os.ReadFile(creds) //nolint:gosec // the operator names the file
		if err == nil {
			_, err = nkeys.ParseDecoratedUserNKey(content)
		}
		if err != nil {
			return nil, fmt.Errorf("NATS_CREDS: %w", err)
		}
		return []nats.Option{nats.UserCredentials(creds)}, nil
	case nkey != "":
		return nkeyLogin(nkey)
	default:
		return nil, nil
	}
}

// errNewKey says that the file of the nkey holds another key. The client library keeps the public key of its start.
var errNewKey = errors.New("NATS_NKEY holds another key than when this process started")

// nkeyLogin proves at each connect that this process has the key's seed.
func nkeyLogin(nkey string) ([]nats.Option, error) {
	public, _, err := readNKey(nkey)
	if err != nil {
		return nil, err
	}
	return []nats.Option{nats.Nkey(public, func(nonce []byte) ([]byte, error) {
		now, pair, err := readNKey(nkey)
		if err != nil {
			return nil, err
		}
		defer pair.Wipe()
		if now != public {
			return nil, errNewKey
		}
		return pair.Sign(nonce)
	})}, nil
}

// seedPattern is a user's seed: 58 characters of base32.
var seedPattern = regexp.MustCompile(`^SU[A-Z2-7]{56}$`)

// readNKey returns the public key and the pair of a seed, which may be in a file.
func readNKey(nkey string) (string, nkeys.KeyPair, error) {
	seed := []byte(nkey)
	if !seedPattern.Match(seed) {
		var err error
		if seed, err = os.ReadFile(nkey); err != nil { //nolint:gosec // the operator names the file
			return "", nil, fmt.Errorf("NATS_NKEY: %w", err)
		}
	}
	pair, err := nkeys.ParseDecoratedUserNKey(bytes.ReplaceAll(seed, []byte("\r"), nil))
	if err != nil {
		return "", nil, errors.New("NATS_NKEY: is not the seed of a user, which begins with SU") // the error may quote it
	}
	public, err := pair.PublicKey()
	if err != nil {
		return "", nil, fmt.Errorf("NATS_NKEY: %w", err)
	}
	return public, pair, nil
}

// loginAnew takes the user and the password out of the addresses, and reads them again at each connect. It leaves
// addresses with different users alone.
func loginAnew(addresses func() []string) nats.Option {
	return func(o *nats.Options) error {
		user, same := userOf(o.Servers)
		if user == nil || !same {
			return nil
		}
		for i, server := range o.Servers {
			o.Servers[i] = withoutUser(server)
		}
		now := func() *url.Userinfo {
			if anew, same := userOf(addresses()); anew != nil && same {
				user = anew
			}
			return user
		}
		if _, password := user.Password(); !password { // a token
			o.TokenHandler = func() string { return now().Username() }
			return nil
		}
		o.UserInfo = func() (string, string) {
			user := now()
			password, _ := user.Password()
			return user.Username(), password
		}
		return nil
	}
}

// loginAnewOf reads a context's user and password again at each connect. The library does so with files only.
func loginAnewOf(context string) nats.Option {
	return func(o *nats.Options) error {
		user, password := o.User, o.Password
		if user == "" {
			return nil
		}
		o.User, o.Password = "", ""
		o.UserInfo = func() (string, string) {
			if now, err := contextOptions(context); err == nil && now.User != "" {
				user, password = now.User, now.Password
			}
			return user, password
		}
		return nil
	}
}

// userOf returns the user of addresses, and whether all have the same one.
func userOf(addresses []string) (user *url.Userinfo, same bool) {
	for i, address := range addresses {
		u, err := url.Parse(withScheme(strings.TrimSpace(address)))
		if err != nil {
			return nil, false
		}
		if i > 0 && fmt.Sprint(u.User) != fmt.Sprint(user) {
			return nil, false
		}
		user = u.User
	}
	return user, true
}

func withoutUser(address string) string {
	u, err := url.Parse(withScheme(strings.TrimSpace(address)))
	if err != nil {
		return address
	}
	u.User = nil
	return u.String()
}
