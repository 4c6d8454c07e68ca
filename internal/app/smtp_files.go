package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// authorities are those that the system trusts, and that of SMTP_CA; nil without it.
func (s SMTP) authorities() (*x509.CertPool, error) {
	if s.CA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		return nil, fmt.Errorf("SMTP_CA: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("SMTP_CA: %s has no certificate in PEM", s.CA)
	}
	return pool, nil
}

// certificate reads the client's certificate each time that a server asks for it, so that it can be renewed.
func (s SMTP) certificate() (func(*tls.CertificateRequestInfo) (*tls.Certificate, error), error) {
	switch {
	case s.ClientCert == "" && s.ClientKey == "":
		return nil, nil
	case s.ClientKey == "":
		return nil, errors.New("SMTP_CLIENT_KEY: empty, while SMTP_CLIENT_CERT is set; set both or neither")
	case s.ClientCert == "":
		return nil, errors.New("SMTP_CLIENT_CERT: empty, while SMTP_CLIENT_KEY is set; set both or neither")
	}
	read := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(s.ClientCert, s.ClientKey)
		if err != nil {
			return nil, fmt.Errorf("SMTP_CLIENT_CERT, SMTP_CLIENT_KEY: %w", err)
		}
		return &pair, nil
	}
	_, err := read(nil)
	return read, err
}

// tokenPatience is how long the command of SMTP_OAUTH_TOKEN_COMMAND may take.
const tokenPatience = 20 * time.Second

// token returns what gets the token at each login; nil if no token is set.
func (s SMTP) token() (func(context.Context) (string, error), error) {
	switch {
	case s.TokenFile != "" && s.TokenCommand != "":
		return nil, errors.New("SMTP_OAUTH_TOKEN_COMMAND: is set, and so is SMTP_OAUTH_TOKEN_FILE; use one of them")
	case s.TokenFile != "":
		return func(context.Context) (string, error) {
			content, err := os.ReadFile(s.TokenFile)
			if err != nil {
				return "", fmt.Errorf("SMTP_OAUTH_TOKEN_FILE: %w", err)
			}
			return oneToken("SMTP_OAUTH_TOKEN_FILE", content)
		}, nil
	case s.TokenCommand != "":
		return func(ctx context.Context) (string, error) { return tokenBy(ctx, s.TokenCommand) }, nil
	default:
		return nil, nil
	}
}

// tokenBy runs the command. What it prints to standard error is not shown, because it may have the token in it.
func tokenBy(ctx context.Context, command string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenPatience)
	defer cancel()
	printed, err := exec.CommandContext(ctx, "/bin/sh", "-c", command).Output()
	if err != nil {
		return "", fmt.Errorf("SMTP_OAUTH_TOKEN_COMMAND: the command failed: %w", err)
	}
	return oneToken("SMTP_OAUTH_TOKEN_COMMAND", printed)
}

func oneToken(name string, content []byte) (string, error) {
	token := string(bytes.TrimSpace(content))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s: gives no token: it must be one word of ASCII", name)
	}
	return token, nil
}
