package postfixtest

import (
	"fmt"
	"slices"
	"strings"
)

// The domains of the recipients. Postfix handles the mail of each in another way.
const (
	goodDomain  = "good.example"  // delivered to a maildir; an address without one is refused
	slowDomain  = "slow.example"  // deferred by the policy, until the greylisting ends
	goneDomain  = "gone.example"  // rejected by the policy
	laterDomain = "later.example" // accepted, and bounced afterwards

	limitedDomain = "limited.example" // rejected by the policy, because we have sent too much
)

const (
	sender = "invites@mail.portal.example"
	// nobody is the user who owns the mailboxes. Postfix delivers mails as a user without rights.
	nobody = 65534
)

// mainConfig returns main.cf (postconf(5) explains each line). Everything that delivery to maildirs does not need is
// left out or turned off, especially look-ups in the DNS.
func (p *postfix) mainConfig() string {
	lines := []string{
		"compatibility_level = 3.6",
		"queue_directory = " + p.path("queue"),
		"data_directory = " + p.path("data"),
		"maillog_file = " + p.path("log"),
		"maillog_file_prefixes = " + p.dir,
		"myhostname = mx.portal.example",
		"mydestination =",
		"alias_maps =",
		"inet_interfaces = 127.0.0.1",
		"inet_protocols = ipv4",
		"mynetworks = 127.0.0.0/8",
		"disable_dns_lookups = yes",
		"smtpd_peername_lookup = no",
		"default_transport = error:this Postfix sends nothing out",
		"relay_transport = error:this Postfix sends nothing out",

		"virtual_mailbox_domains = " +
			strings.Join([]string{goodDomain, slowDomain, goneDomain, laterDomain, limitedDomain, "mail.portal.example"}, ", "),
		"virtual_mailbox_maps = texthash:" + p.path("conf/mailboxes"),
		"virtual_mailbox_base = " + p.path("mail"),
		fmt.Sprintf("virtual_uid_maps = static:%d", nobody),
		fmt.Sprintf("virtual_gid_maps = static:%d", nobody),
		"transport_maps = inline:{" + laterDomain + "=nosuchuser:}",

		"smtpd_relay_restrictions = permit_mynetworks, reject",
		"smtpd_recipient_restrictions = " +
			"check_policy_service inet:" + p.policy.listener.Addr().String() + ", permit_mynetworks, reject",
		"smtpd_tls_security_level = encrypt",
		"smtpd_tls_cert_file = " + p.path("conf/cert.pem"),
		"smtpd_tls_key_file = " + p.path("conf/key.pem"),
		"smtpd_tls_loglevel = 0",
		// These would slow the test down, since it sends like a flood.
		"in_flow_delay = 0",
		"smtpd_error_sleep_time = 0",
		"smtpd_soft_error_limit = 100000",
		"smtpd_hard_error_limit = 100000",
		"smtpd_junk_command_limit = 100000",
	}
	return strings.Join(lines, "\n") + "\n"
}

// withLines replaces the lines of a main.cf that set the same parameters, and adds the others.
func withLines(config string, instead []string) string {
	var kept []string
	for line := range strings.Lines(config) {
		name, _, _ := strings.Cut(line, "=")
		if !slices.ContainsFunc(instead, func(other string) bool { return strings.HasPrefix(other, name+"=") }) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "") + strings.Join(instead, "\n") + "\n"
}

// masterConfig returns master.cf (master(5)): the services of a Postfix that accepts mail on one port and delivers it
// to maildirs. The columns are type, private, unprivileged, chroot, wakeup, maxproc and the program; - is the default.
func (p *postfix) masterConfig() string {
	return p.addr + ` inet n - - - - smtpd
pickup     unix n - - 60 1 pickup
cleanup    unix n - - - 0 cleanup
qmgr       unix n - - 300 1 qmgr
tlsmgr     unix - - - 1000? 1 tlsmgr
rewrite    unix - - - - - trivial-rewrite
bounce     unix - - - - 0 bounce
defer      unix - - - - 0 bounce
trace      unix - - - - 0 bounce
verify     unix - - - - 1 verify
flush      unix n - - 1000? 0 flush
proxymap   unix - - - - - proxymap
anvil      unix - - - - 1 anvil
scache     unix - - - - 1 scache
error      unix - - - - - error
retry      unix - - - - - error
virtual    unix - n - - - virtual
postlog    unix-dgram n - - - 1 postlogd
nosuchuser unix - n - - - pipe
  user=nobody argv=/bin/sh -c {echo 5.1.1 no such user; exit 67}
`
}
