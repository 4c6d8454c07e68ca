package mail

import "regexp"

// What an operator can do about a refusal. Each is the beginning of a sentence of the log.
const (
	mendHello  = "set SMTP_HELLO to a full host name that the DNS knows"
	mendLogin  = "check SMTP_USERNAME and SMTP_PASSWORD, and whether this login may send through the server"
	mendFrom   = "check SMTP_FROM, and whether the server lets this login send from it"
	mendTLS    = "check SMTP_TLS"
	mendNames  = "check SPF, DKIM, DMARC and the reverse DNS name of the sending server (docs/deliverability.md)"
	mendListed = "have the sending server taken off the block list that \"said\" names (docs/deliverability.md)"
	mendLimit  = "wait for the next hour or day, ask the mail provider for a higher limit, or set SMTP_RATE"
	mendTested = "verify SMTP_FROM with the mail provider, and have the account taken out of its test mode"
	mendStuck  = "ask the mail provider why it stopped the account"
	mendTalk   = "check SMTP_HOST and SMTP_PORT: the server does not speak SMTP as it should"
)

// replies is the table of what refusals mean (ADR 100), for the SMTP conversation and for reports. An enhanced code
// that says one thing comes first. Then come words about us: they must never cost a client. Words about the mailbox
// count only where no code says another thing. What fits no row means nothing clear.
var replies = []row{
	// Codes that say one thing.
	{enhanced: []string{"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.1.351"}, means: NoSuchMailbox},
	{enhanced: []string{"5.2.2"}, means: MailboxFull},
	{enhanced: []string{"5.2.3", "5.3.4"}, means: TooLarge},
	{enhanced: []string{"5.2.121", "5.2.122"}, means: TooFast},
	{enhanced: []string{"5.7.124", "5.7.129", "5.7.133", "5.7.134", "5.7.135", "5.7.136"}, means: MembersOnly},
	{enhanced: []string{"5.4.5", "5.1.90"}, means: OverLimit, mend: mendLimit},
	{enhanced: []string{"5.1.7", "5.1.8", "5.7.60"}, means: AboutUs, mend: mendFrom},
	{enhanced: []string{"5.7.3", "5.7.8", "5.7.11", "5.7.12", "5.7.13", "5.7.14", "5.7.57", "5.7.64"},
		means: AboutUs, mend: mendLogin},
	{enhanced: []string{"5.7.10"}, means: AboutUs, mend: mendTLS},
	{enhanced: []string{
		"5.7.20", "5.7.21", "5.7.22", "5.7.23", "5.7.24", "5.7.25", "5.7.26", "5.7.27", "5.7.29", "5.7.30", "5.7.32",
		"5.7.509", "5.7.515",
	}, means: AboutUs, mend: mendNames},
	{enhanced: []string{
		"5.7.28", "5.7.501", "5.7.502", "5.7.503", "5.7.508", "5.7.511", "5.7.606", "5.7.703", "5.7.705", "5.7.708",
		"5.7.750",
	}, means: AboutUs, mend: mendListed},

	// Words about us. Postfix, Exim, sendmail, Exchange, qmail and the large providers put them under 5.7.1 or no code.
	{words: aboutHello, soft: true, means: AboutUs, mend: mendHello},
	{words: aboutRelay, soft: true, means: AboutUs, mend: mendLogin},
	{words: membersOnly, means: MembersOnly},
	{words: aboutLogin, soft: true, means: AboutUs, mend: mendLogin},
	{words: aboutTestMode, soft: true, means: AboutUs, mend: mendTested},
	{words: tooFast, means: TooFast},
	{words: tooLarge, means: TooLarge},
	{words: ownList, means: ProvidersList},
	{words: overLimit, soft: true, means: OverLimit, mend: mendLimit},
	{words: aboutSender, means: AboutUs, mend: mendFrom},
	{words: aboutAccount, soft: true, means: AboutUs, mend: mendStuck},
	{words: mailboxFull, means: MailboxFull},
	{words: aboutNames, means: AboutUs, mend: mendNames},
	{words: quotedLink, means: AboutContent},
	{words: blockListed, means: AboutUs, mend: mendListed},
	{words: aboutContent, means: AboutContent},
	{words: accessDenied, means: AboutUs, mend: mendLogin},

	// The server is out of step or takes no mail (RFC 5321, section 4.2.3; RFC 7504), or it requires a login or encryption
	// (RFC 4954, section 6).
	{codes: []int{530, 534, 535}, means: AboutUs, mend: mendLogin},
	{codes: []int{538}, means: AboutUs, mend: mendTLS},
	{codes: []int{500, 502, 503, 504, 521}, means: AboutUs, mend: mendTalk},
	{enhanced: []string{"5.7.9"}, means: AboutUs, mend: mendLogin},

	// Words about the mailbox.
	{enhanced: []string{"5.4.1"}, words: edgeBlocked, means: NoSuchMailbox},
	{enhanced: []string{"5.4.4", "5.4.310"}, words: noDomain, means: NoSuchMailbox},
	{silent: true, words: nullMX, means: NoSuchMailbox},
	{silent: true, words: mayBeDenied, means: NothingClear},
	{silent: true, words: noSuchMailbox, means: NoSuchMailbox},
	{silent: true, words: mailboxDisabled, means: MailboxDisabled},

	// Codes that say something if the words do not say another thing.
	{enhanced: []string{"5.2.1"}, means: MailboxDisabled},
	{enhanced: []string{"5.3.", "5.4.", "5.5.", "5.6."}, means: AboutRoute},
	{enhanced: []string{"5.7."}, means: AboutContent},
}

// words compiles one pattern of alternatives, in any case.
func words(alternatives string) *regexp.Regexp { return regexp.MustCompile(`(?i)` + alternatives) }

// The words of real servers; the tests name them. Blanks in a pattern stand for themselves: a reply is on one line.
var (
	aboutHello = words(`\b(helo|ehlo|hello) (command|name|host|argument|string|domain)|\binvalid (helo|ehlo)\b|` +
		`\(ehlo\)|\b(helo|ehlo)\b.{0,40}(reject|invalid|not resolve|must (be|contain))|need fully-qualified hostname`)

	aboutRelay = words(`\brelay(ing|ed)?( access| mail)?( is| was)? (denied|prohibited|rejected|refused|forbidden)|` +
		`\brelay(ing|ed)?( is| was)? not (permitted|allowed|authori[sz]ed|supported)|\bto relay\b|\bfor relay\b|` +
		`\b(not|n't|not an open|no open) relay(ing)?\b|\brelaying (mail )?(to|from)\b|\brcpthosts\b|` +
		`\brelay access\b|\bwe are not (a|your) (relay|gateway)`)

	membersOnly = words(`\bmembers? only\b|\bonly members\b|\bon the list of those who may\b|` +
		`\ballowed senders\b|\brestricted to\b|RESOLVER\.RST\.|SenderNotAuthenticatedForMailbox|` +
		`\b(send|post|write|mail|submit)(ing)?\b.{0,30} to (this|the) (group|list|recipient|mailbox|user)\b`)

	aboutLogin = words(`\bauthentication (is )?required\b|\bauth(entication)? (failed|failure|credentials|first)|` +
		`\bmust (first )?(authenticate|log ?in|issue an auth)|\bnot authenticated\b|\bunauthenticated (senders?|users?)\b|` +
		`\bplease authenticate\b|\bauth command first\b|\bsmtp[- ]auth|\blog ?in (first|required)\b|` +
		`\binvalid credentials\b|\bcheck (for )?(new )?mail (before|first)|\bpop before smtp\b`)

	aboutTestMode = words(`\bnot verified\b|\bsandbox\b|\bverified sender\b|\bsender signature\b|` +
		`\bverify (the|your) (sender|domain|sending)`)

	aboutSender = words(`\b(sender|from)( e-?mail)? ` +
		`(address|domain|identity|verif|denied|rejected|refused|unknown|is|not)|` +
		`\bsender (verify|verification|callout|check|mailbox)|\benvelope[- ](sender|from|blocked)|` +
		`\bmail from:? ?(command|address|domain|rejected)|\bin reply to mail from\b|\breturn[- ]?path\b|` +
		`\breverse[- ]path\b|\bverification failed for\b|\bfailed while verifying\b|\bdomain of sender\b|` +
		`\bsend ?as ?denied\b|\bnot (allowed|authori[sz]ed|permitted) to send\b|\bcan ?not send (from|as)\b|\bnot owned by\b`)

	aboutAccount = words(`\byour account\b|\bsending (has been |is |was )?(paused|suspended|disabled|blocked)\b|` +
		`\bcredits? (exceeded|exhausted|left)|\b(out of|no|insufficient) credits?\b|\bfor this account\b`)

	tooFast = words(`\breceiving (e-?mail|mail|messages) (at a rate|too)|\breceivingrate|` +
		`\brecipient.{0,30}\b(receive|receiving) (limit|rate)`)

	tooLarge = words(`\bsize\b.{0,40}\b(exceed|limit|maximum|allowed)|` +
		`\b(exceed\w*|over|larger|above|limits?|maximum)\b.{0,40}\bsize\b|\btoo (large|big)\b`)

	// The provider has put the address on a list of its own: it may be there for any reason.
	ownList = words(`\bsuppression list\b|\bmarked as inactive\b|\bpreviously (bounced|unsubscribed|complained)\b|` +
		`\bmanual suppression\b|\bsuppressed\b`)

	overLimit = words(`\b(hour(ly)?|dai?ly|day|month(ly)?|minute)\b.{0,30}\b(limit|quota|allowance|maximum)|` +
		`\b(limit|quota|allowance|maximum|max)\b.{0,40}\b(per|an|each|this) (hour|day|month|minute|session|connection)\b|` +
		`\b(sending|send|outgoing|outbound|submission|smtp|rate)[ -](rate )?(limit|quota|allowance)\b|` +
		`\b(recipients?|messages?|e-?mails?) limit\b|\brate ?limit|\bthrottl|\bsending rate\b|` +
		`\btoo many (messages|mails|e-?mails|recipients)\b|\btoo much mail\b|` +
		`\bmax (e-?mails|messages|mails) per\b`)

	mailboxFull = words(`\bmailbox\b.{0,40}\bfull\b|\binbox\b.{0,30}\bfull\b|\bover ?-?quota\b|\bquota\b|` +
		`\bstorage (allocation|limit|space)|\b(disk|storage) space\b|\bmailbox\b.{0,20}\bexceed|\bout of (disk )?space\b`)

	aboutNames = words(`\b(dmarc|spf|dkim|dkim2)\b|\bPTR\b|\breverse[- ](dns|host|name|lookup)|\brdns\b|` +
		`\bcannot find your (reverse )?hostname\b|\bip name lookup failed\b`)

	quotedLink = words(`\b(surbl|uribl)\b|\bdbl\b|\b(urls?|uris?|links?)\b`)

	blockListed = words(`\bclient host\b|\bblocked using\b|\b(block|black|deny)[- ]?list|\brbl\b|\bdnsbl\b|` +
		`\bspamhaus\b|\bspamcop\b|\buceprotect\b|\bsorbs\b|\breputation\b|\bbanned\b|\bipcheck\b|` +
		`\byour (ip|server|host|mail ?server|network)\b|\bip( address)?\b.{0,60}\b(block|listed|reject|denied|banned|not )|` +
		`\btraffic not accepted\b|\bpermanently deferred\b|\bunusual rate\b|\bopen proxy\b|\bdynamic (ip|address)`)

	aboutContent = words(`\bspam\b|\bunsolicited\b|\bbulk\b|\bjunk\b|\bcontent\b|\bvirus|\bmalware\b|\bphish|` +
		`\battachment|\bsuspicious\b|\bpolic(y|ies)\b|\bsecurity\b|\bsyntax\b|\bheaders?\b|` +
		`\bmessage (was )?(rejected|refused)\b`)

	// Submission servers begin so if the login may not send. "Recipient address rejected: Access denied" is about one
	// recipient and does not fit.
	accessDenied = words(`^access denied`)

	edgeBlocked = words(`\brecipient address rejected: access denied`)

	// "Host not found, try again" and a malformed reply are trouble of a resolver.
	noDomain = words(`\b(host|domain)( or domain name| name)? not found\.?$|type=\w+: host not found$|` +
		`\bno data record of requested type\b|\bdomain\b.{0,80}\bdoes not exist\b|\bno such (host|domain)\b`)

	nullMX = words(`\bnull ?mx\b|\bdomain\b.{0,80}\b(does not accept|accepts no|takes no) (e-?mail|mail)\b`)

	mayBeDenied = words(`\bdenied\b|\bprohibit|\bnot (authori[sz]ed|allowed|permitted)\b|\bforbidden\b|` +
		`\bblocked\b`)

	noSuchMailbox = words(`\bno such (local )?(user|mailbox|recipient|account|person|e-?mail address)\b|` +
		`\bunknown (local )?(user|mailbox|recipient|local[- ]part|addressee)\b|` +
		`\b(user|mailbox|recipient|addressee)( name)? (is )?unknown\b|` +
		`\b(user|mailbox|recipient|e-?mail account|e-?mail address)\b(?:[^.:;]|\.\S){0,80}` +
		`(\bnot found\b|\bnot exist\b|n't exist\b|\bunknown\b|\bno longer (exists|valid|available|active|in use)\b)|` +
		`\baccount that you tried to reach does not exist\b|\bdoes(n't| not) have an? \S+ account\b|` +
		`\bmailbox (is )?(unavailable|not available)\b|\bno mailbox (here )?by that name\b|\bno mailbox\b|` +
		`\bnot a (valid|known) (mailbox|user|recipient)\b|\buser not local; please try\b|` +
		`\b(recipient|user|mailbox) has moved\b`)

	mailboxDisabled = words(`\b(mailbox|recipient|account that you tried to reach)\b(?:[^.:;]|\.\S){0,60}\b` +
		`(disabled|inactive|deactivated|closed)\b|\b(mailbox|recipient|address) no longer (accepts|receives)\b`)
)
