// Package postfixtest tests the pipeline with a real Postfix: its replies, its TLS, its queue and its delivery reports.
// `make postfix-test` installs a Postfix and runs the test. `make test` skips it.
//
// The Postfix is private: its configuration, queue and mailboxes are in a temporary folder, it listens on loopback
// only, and it makes no look-ups in the DNS. It needs root, as every Postfix does: its master starts each part as that
// part's own user.
package postfixtest
