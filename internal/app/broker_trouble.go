package app

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/nats-io/nats.go"
)

// trouble is the kind of reason why a connect fails.
type trouble string

const (
	noTrouble   trouble = ""
	badTLS      trouble = "TLS fails (look at NATS_CA, NATS_CERT and NATS_KEY, and for tls:// in NATS_URL)"
	badLogin    trouble = "the broker refuses the login (look at NATS_CREDS, NATS_NKEY, NATS_CERT, NATS_URL)"
	badFile     trouble = "a file with the login can't be read"
	replacedKey trouble = "NATS_NKEY holds another key than when this process started"
	unreachable trouble = "can't reach the broker"
)

// explained adds to an error of a connect what kind it is of, and which settings to look at.
func explained(err error) error {
	switch kind := kindOf(err); kind {
	case badTLS, badLogin, badFile:
		return fmt.Errorf("%s: %w", kind, err)
	case noTrouble, replacedKey, unreachable: // the error says it
	}
	return err
}

func kindOf(err error) trouble {
	switch {
	case err == nil:
		return noTrouble
	case errors.Is(err, errNewKey):
		return replacedKey
	case isTLS(err):
		return badTLS
	case isLogin(err):
		return badLogin
	case errors.Is(err, os.ErrNotExist), errors.Is(err, os.ErrPermission):
		return badFile
	default:
		return unreachable
	}
}

// isLogin says whether the broker does not let this user in.
func isLogin(err error) bool {
	for _, refused := range []error{
		nats.ErrAuthorization, nats.ErrAuthExpired, nats.ErrAuthRevoked, nats.ErrAccountAuthExpired,
	} {
		if errors.Is(err, refused) || strings.Contains(strings.ToLower(err.Error()), refused.Error()) {
			return true
		}
	}
	return false
}

// isTLS says whether the two sides do not agree on TLS, or on each other's certificates.
func isTLS(err error) bool {
	if errors.Is(err, nats.ErrSecureConnWanted) || errors.Is(err, nats.ErrSecureConnRequired) ||
		strings.HasPrefix(err.Error(), "nats: tls error") {
		return true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	// An alert of the other side, such as "certificate required".
	alert, ok := errors.AsType[*net.OpError](err)
	return ok && (alert.Op == "remote error" || alert.Op == "local error")
}
