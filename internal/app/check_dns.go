package app

import (
	"context"
	"errors"
	"net"
	"net/mail"
	"strings"

	"portal-invites/internal/pipeline"
)

// dns looks up what receivers look up: who may send with the sender's domain (SPF, RFC 7208), with which key its mails
// are signed (DKIM, RFC 6376), and what to do with the others (DMARC, RFC 7489).
func (e *examination) dns(ctx context.Context, dns *net.Resolver, s pipeline.Sender) {
	from, err := mail.ParseAddress(s.SMTP.From)
	if err != nil {
		e.bad("SMTP_FROM%s: %v", of(s), err) // the settings were checked, so this does not happen
		return
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	e.spf(ctx, dns, domain)
	if name, content := s.SMTP.DKIM.Record(); name != "" {
		e.dkim(ctx, dns, name, content)
	} else {
		e.look("DKIM: the workers sign no mails from %s; the mail server must", domain)
	}
	switch found, err := textRecords(ctx, dns, "_dmarc."+domain, "v=DMARC1"); {
	case err != nil:
		e.look("DMARC: _dmarc.%s can't be looked up: %v", domain, err)
	case len(found) == 0:
		e.look("DMARC: _dmarc.%s has no record of its own; that of a domain above counts, if there is one", domain)
	default:
		e.ok("DMARC: _dmarc.%s says %s", domain, found[0])
	}
}

func (e *examination) spf(ctx context.Context, dns *net.Resolver, domain string) {
	switch found, err := textRecords(ctx, dns, domain, "v=spf1"); {
	case err != nil:
		e.look("SPF: %s can't be looked up: %v", domain, err)
	case len(found) == 0:
		e.look("SPF: %s has no record; receivers can't tell which servers may send with it, unless the mail server puts "+
			"an address of its own into the envelope", domain)
	case len(found) > 1:
		e.bad("SPF: %s has %d records, and so receivers obey none; leave one of them", domain, len(found))
	default:
		e.ok("SPF: %s says %s", domain, found[0])
	}
}

func (e *examination) dkim(ctx context.Context, dns *net.Resolver, name, content string) {
	want := keyOf(content)
	switch found, err := textRecords(ctx, dns, name, ""); {
	case err != nil:
		e.look("DKIM: %s can't be looked up: %v", name, err)
	case len(found) == 0:
		e.bad("DKIM: %s has no record, and so no signature counts; publish: %s", name, content)
	case len(found) > 1:
		e.bad("DKIM: %s has %d records; leave the one with our key: %s", name, len(found), content)
	case keyOf(found[0]) == "":
		e.bad("DKIM: %s has no key (p=), and so no signature counts; publish: %s", name, content)
	case keyOf(found[0]) != want:
		e.bad("DKIM: %s has another key than SMTP_DKIM_KEY; publish: %s", name, content)
	default:
		e.ok("DKIM: %s has our key", name)
	}
}

// textRecords are the TXT records of a name that begin with a word.
func textRecords(ctx context.Context, dns *net.Resolver, name, begin string) (list []string, err error) {
	found, err := dns.LookupTXT(ctx, name)
	if failed, is := errors.AsType[*net.DNSError](err); is && failed.IsNotFound {
		return nil, nil
	}
	for _, record := range found {
		if strings.HasPrefix(strings.ToLower(record), strings.ToLower(begin)) {
			list = append(list, record)
		}
	}
	return list, err
}

// keyOf is the public key in a DKIM record. Blanks in it do not count (RFC 6376, section 3.2).
func keyOf(record string) string {
	for tag := range strings.SplitSeq(record, ";") {
		name, value, _ := strings.Cut(tag, "=")
		if strings.TrimSpace(name) == "p" {
			return strings.Join(strings.Fields(value), "")
		}
	}
	return ""
}
