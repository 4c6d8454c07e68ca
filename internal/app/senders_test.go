package app

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/mail/smtp"
)

// senderFiles writes a file of SMTP_SENDERS, in whose text FOLDER is its folder. The folder has a password and a key.
func senderFiles(t *testing.T, text string) SMTP {
	t.Helper()
	folder := t.TempDir()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"senders.yaml": []byte(strings.ReplaceAll(text, "FOLDER", folder)),
		"password":     []byte("s3cret\n"),
		"key.pem":      pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return SMTP{
		Host: "smtp.example.com", Username: "default", Password: "the default's", From: "p@mail.example.com",
		Hello:       "w.example.com",
		Connections: 4, ConnectionIdle: 30 * time.Second, ConnectionAge: 10 * time.Minute, ConnectionMails: 100,
		Rate: 7, Senders: filepath.Join(folder, "senders.yaml"),
	}
}

// An entry has its own server, login, signature and rates. Nothing of that comes from the default sender.
func TestSendersAreReadFromTheirFile(t *testing.T) {
	t.Parallel()
	list, err := senderFiles(t, `
south: {from: portal@south.example, host: smtp.south.example, port: 465, signed_by: server, connections: 2}
north:
  from: North Tax <portal@mail.north.example>
  host: smtp.north.example
  username: north
  password_file: FOLDER/password
  dkim_selector: s1
  dkim_key_file: FOLDER/key.pem
  connection_mails: 9
  rate: 600/m
  domain_rate: 2
`).senders()
	if err != nil || len(list) != 2 {
		t.Fatalf("%d senders: %v", len(list), err)
	}
	north, south := list[0], list[1]
	if c := north.SMTP; north.Name != "north" || c.Host != "smtp.north.example" || c.Port != 587 ||
		c.Username != "north" ||
		c.Password != "s3cret" || c.From != "North Tax <portal@mail.north.example>" || c.TLS != smtp.TLSMandatory ||
		c.HelloName != "w.example.com" || c.Keep.Mails != 9 || c.Keep.Idle != 30*time.Second ||
		north.Rate != 10 || north.DomainRate != 2 || north.Connections != 4 {
		t.Errorf("north: %+v", north)
	}
	if record, _ := north.SMTP.DKIM.Record(); record != "s1._domainkey.mail.north.example" {
		t.Errorf("north signs by the record %s", record)
	}
	if c := south.SMTP; c.Username != "" || c.Password != "" || c.Port != 465 || south.Rate != 0 ||
		south.Connections != 2 {
		t.Errorf("south: %+v", south)
	}
}

// A worker does not start with a sender that could not send, or whose mails would be spam. The error names the sender
// and the field, and has no secret in it.
func TestSendersThatAreWrong(t *testing.T) {
	t.Parallel()
	const fine = "from: a@north.example, host: h.example, signed_by: server"
	whole := map[string]string{ // the whole file
		"":                                 "names no sender",
		"- north":                          "has no senders in YAML",
		"north: {" + fine + "}\nnorth: {}": "has no senders in YAML",
		"North Tax: {" + fine + "}":        "North Tax: the name must be",
		"north: ":                          "north: must have fields",
	}
	const unsigned = "from: a@north.example, host: h.example"
	for fields, says := range map[string]string{ // of the sender north
		"from: a@north.example, signed_by: server": "host: empty",
		"host: h.example, signed_by: server":       "from: empty",
		fine + ", hots: x":                         "hots: there is no such field; the fields are from, host,",
		fine + ", host: y":                         "host: occurs twice",
		fine + ", ca: ":                            "ca: must have one value",
		fine + ", port: x":                         "port: must be a number",
		fine + ", rate: fast":                      "rate: must be mails a second",
		fine + ", connections: 101":                "connections: must be 1 to 100",
		fine + ", connection_idle: x":              "connection_idle: must be a duration",
		fine + ", ca: FOLDER/none":                 "ca: open ",
		fine + ", username: u":                     "password: empty, while username is set",

		fine + ", username: u, password: s3cret, password_file: FOLDER/password": "password: is set, and so is password_file",
		fine + ", username: u, password_file: FOLDER/none":                       "password_file: open ",
		fine + ", username: u, password: s3cret, tls: none":                      "tls: none would send password",
		fine + ", dkim_selector: s":                                              "signed_by: is server, and so",

		unsigned:                        "dkim_key: missing; if the mail server signs",
		unsigned + ", dkim_selector: s": "dkim_key: missing",
		unsigned + ", signed_by: us":    "signed_by: must be server",
		unsigned + ", dkim_domain: south.example, dkim_selector: s, dkim_key_file: FOLDER/key.pem": "dkim_domain: " +
			"south.example does not belong to the domain in from, north.example",
	} {
		whole["north: {"+fields+"}"] = "north: " + says
	}
	for text, says := range whole {
		_, err := senderFiles(t, text).senders()
		if err == nil || !strings.Contains(err.Error(), "SMTP_SENDERS: ") || !strings.Contains(err.Error(), says) ||
			strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s\nis refused with: %v\nwant: %s", text, err, says)
		}
	}
	both := senderFiles(t, "north: {from: x, host: h.example, signed_by: server}\nsouth: {"+fine+", port: 0}")
	_, err := both.senders()
	if err == nil || len(strings.Split(err.Error(), "\n")) != 2 {
		t.Errorf("two senders are wrong, and the error is: %v", err)
	}
}
