package compose

import (
	"fmt"
	"html/template"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/html"
)

// shape is what mails of one structure have in common. Hermes renders it once, with a mark in place of each value. It
// keeps the text between the marks, and which value goes where (ADR 26). Filling it takes a hundredth of the time of
// Hermes and gives the same bytes: TestFilledIsWhatHermesRenders checks that.
type shape struct{ html, text []piece }

// piece is literal text and the value that follows it.
type piece struct {
	literal string
	upTo    int // the literals' length so far, this one included
	value   int // into words.values; -1 after the last literal
	escape  escaping
}

// averageValue is a guess, in bytes. With it a document seldom grows twice.
const averageValue = 64

// escaping is how a value is written at one place of a document.
type escaping int

const (
	asIs    escaping = iota // the text part, and colors
	asText                  // in an element, or in an attribute that is text
	asURL                   // in href
	asImage                 // in src, where the theme trusts the URL's scheme
)

// values lists all that can differ between mails of one shape. The order depends only on the shape.
func (w *words) values() []string {
	list := []string{
		w.brand.firm, w.brand.portal, w.brand.logo, w.brand.color, w.brand.onColor,
		w.greeting, w.lead, w.instruction, w.button, w.expiry, w.signature, w.trouble, w.footer, w.link,
	}
	if w.decline != "" {
		list = append(list, w.decline)
	}
	if w.declineLink != "" {
		list = append(list, w.declineLink)
	}
	for _, d := range w.details {
		list = append(list, d.name, d.value)
	}
	return append(list, w.message...)
}

// markPattern finds marks. Hermes leaves them unchanged wherever a value can be, and they do not occur in the theme.
// There are marks for text, for web addresses and for colors.
var markPattern = regexp.MustCompile(`(?:https://)?(?:zq|#5e)(\d{4})(?:qz)?(?:\.invalid)?`)

// mostMarks is the number of values for which a mark has digits. It is never reached: a message of 5,000 characters has
// at most 2,500 paragraphs.
const mostMarks = 10_000

func wordMark(n int) string  { return fmt.Sprintf("zq%04dqz", n) }
func urlMark(n int) string   { return fmt.Sprintf("https://zq%04dqz.invalid", n) }
func colorMark(n int) string { return fmt.Sprintf("#5e%04d", n) }

// marked is the words of a mail of the given shape, with marks as values, numbered as values lists them.
func marked(k shapeKey) words {
	n := -1
	next := func(mark func(int) string) string { n++; return mark(n) }
	w := words{
		catalog: k.catalog,
		brand: brand{
			firm: next(wordMark), portal: next(urlMark), logo: next(urlMark), color: next(colorMark), onColor: next(colorMark),
		},
		greeting: next(wordMark), lead: next(wordMark), instruction: next(wordMark),
		button: next(wordMark), expiry: next(wordMark), signature: next(wordMark),
		trouble: next(wordMark), footer: next(wordMark), link: next(urlMark),
		details: make([]detail, k.details), message: make([]string, k.paragraphs),
	}
	if k.declines {
		w.decline = next(wordMark)
	}
	if k.declinesThere {
		w.declineLink = next(urlMark)
	}
	for i := range w.details {
		w.details[i] = detail{next(wordMark), next(wordMark)}
	}
	for i := range w.message {
		w.message[i] = next(wordMark)
	}
	if !k.logo {
		w.brand.logo = ""
	}
	if !k.signed {
		w.signature = w.brand.firm
	}
	return w
}

// compile renders a shape.
func compile(k shapeKey) (*shape, error) {
	html, text, err := hermesRender(marked(k))
	if err != nil {
		return nil, err
	}
	return &shape{html: split(html, placeInHTML), text: split(text, func(string, string) escaping { return asIs })}, nil
}

// split cuts a rendered document at its marks.
func split(document string, placed func(before, mark string) escaping) []piece {
	var pieces []piece
	from, literals := 0, 0
	for _, at := range markPattern.FindAllStringSubmatchIndex(document, -1) {
		before, mark := document[from:at[0]], document[at[0]:at[1]]
		n, _ := strconv.Atoi(document[at[2]:at[3]]) // four digits
		literals += len(before)
		pieces = append(pieces, piece{before, literals, n, placed(before, mark)})
		from = at[1]
	}
	return append(pieces, piece{document[from:], literals + len(document[from:]), -1, asIs})
}

// placeInHTML finds out from the text around a mark how its value is escaped there.
func placeInHTML(before, mark string) escaping {
	switch {
	case mark[0] == '#':
		return asIs
	case strings.HasSuffix(before, `href="`):
		return asURL
	case strings.HasSuffix(before, `src="`):
		return asImage
	default:
		return asText
	}
}

// fill makes both parts of a mail of this shape. The words must fit (see fits).
func (s *shape) fill(w words) (htmlPart, textPart string) {
	values := w.values()
	return assemble(s.html, values), assemble(s.text, values)
}

func assemble(pieces []piece, values []string) string {
	var b strings.Builder
	b.Grow(len(pieces)*averageValue + pieces[len(pieces)-1].upTo)
	for _, p := range pieces {
		b.WriteString(p.literal)
		if p.value >= 0 {
			b.WriteString(p.escape.apply(values[p.value]))
		}
	}
	return b.String()
}

// The CSS inliner parses the document and writes it again, which replaces the escaping of Hermes. So this must be the
// inliner's escaping.
func (e escaping) apply(value string) string {
	switch e {
	case asText:
		return html.EscapeString(value)
	case asURL:
		return html.EscapeString(normalized(value))
	case asImage:
		//nolint:gosec // as in the theme: a logo's scheme was checked
		return html.EscapeString(normalized(template.URL(value)))
	case asIs:
		return value
	}
	panic("no such escaping")
}

// isPlain says whether html/template leaves a URL unchanged, as it does with most.
func isPlain(url string) bool {
	return strings.HasPrefix(url, "https://") && !strings.ContainsFunc(url, func(r rune) bool {
		// - to : are the digits, and the characters between the parts of an address.
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '-' || r > ':') && r != '_'
	})
}

// anchor makes html/template itself write a URL.
var anchor = template.Must(template.New("").Parse(`<a href="{{ . }}">`))

// normalized is a URL as html/template writes it in an attribute, before escaping. Characters that are not allowed in a
// URL are percent-encoded. A value that is not a template.URL must begin with http, https or mailto, or it becomes
// #ZgotmplZ.
func normalized[U string | template.URL](url U) string {
	if isPlain(string(url)) {
		return string(url)
	}
	var b strings.Builder
	if err := anchor.Execute(&b, url); err != nil {
		panic(err) // a string and a template.URL can always be written to a builder
	}
	return html.UnescapeString(strings.TrimSuffix(strings.TrimPrefix(b.String(), `<a href="`), `">`))
}
