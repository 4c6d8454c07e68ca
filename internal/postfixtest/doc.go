// Package postfixtest holds the pipeline against a real Postfix: its replies,
// its TLS, its queue and the delivery reports it writes. `make postfix-test`
// installs it and runs this; `make test` needs neither.
//
// The Postfix is private: its configuration, queue and mailboxes are in a
// temporary folder, it listens on loopback alone and looks nothing up in the
// DNS. It needs root, as every Postfix does: its master starts each part as
// the user that part should be.
package postfixtest
