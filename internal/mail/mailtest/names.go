package mailtest

import "fmt"

// Names are 500 names that are no names: each has a web address, a domain, an email or a path in it, written in one of
// the ways that people have tried. They are the same at every call.
func Names() []string {
	targets := []string{
		"http://evil.example", "https://evil.example/login", "HTTPS://EVIL.COM/?a=1&b=2#c", "https://user:pw@evil.com:8443/x",
		"http://192.0.2.7/verify", "https://[2001:db8::7]/x", "ftp://evil.example/invoice.pdf", "file://evil.example/share/a",
		"www.evil.example", "WWW.Evil.com/pay", "evil.com", "evil.example", "a.b.c.evil.co", "evil.tax/refund", "invoice.zip",
		"acme.com.pdf", "evil.co…", "b\u00fccher.de", "p\u0430ypal.com", "пример.рф", "例子.中国", "evil。com", "evil．com",
		"evil｡com",
		"xn--e1afmkfd.xn--p1ai", "dana@evil.example", "dana.wu+tax@mail.evil.com", "mailto:dana@evil.example",
		"tel:+19005550100", "skype:evil?call", "javascript:alert(1)", "data:text/html,x", "search-ms:query=x&crumb=evil",
		"ms-word:ofe|u|https://evil.com/a.docx", `\\evil.example\share`, "http:evil.com", "http:/evil.com",
		"https:\\\\evil.com",
		"hTTp://evil.com./", "evil.com:443/x", "evil.com?x=http://evil.com", "//evil.com/x", "http://evil.com@evil.example",
		"=?utf-8?Q?https=3A//evil.example?=", "=?utf-8?B?aHR0cHM6Ly9ldmlsLmNvbQ==?= evil.com", "evil\u200b.com",
		"evil.\u200bcom",
		"http\u00ad://evil.com", "evil.\u2060com", "[x](https://evil.com)",
	}
	around := []string{
		"%s", "Your mailbox is blocked, verify at %s", "%s is your new portal", "<%s>", `"%s" Ltd`, "(%s)", "<URL:%s>",
		"Dear %s,",
		"%s %[1]s", "Müller & Co, %s.",
	}
	names := make([]string, 0, len(targets)*len(around))
	for _, target := range targets {
		for _, form := range around {
			names = append(names, fmt.Sprintf(form, target))
		}
	}
	return names
}
