package opstest

import (
	"fmt"
	"regexp"
	"strings"
)

// Ids and times differ at each run. The rest of the page must be printed exactly, except for white space: where a line
// breaks depends on the length of today's date.
var (
	anID     = regexp.MustCompile(`[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{8}\b`)
	variable = regexp.MustCompile(anID.String() +
		`|\d{4}-\d\d-\d\dT[0-9:.]+Z|\d{4}-\d\d-\d\d(?: \d\d:\d\d)?|\b\d\d-\d\d \d\d:\d\d(?::\d\d)?\b` +
		`|[A-Z][a-z]+\s+\d{1,2},\s+\d{4}|…|\s+`)
	digit = regexp.MustCompile(`\d`)
)

// ids maps the ids of the page to the ids of this run. One id of the page must stand for the same id throughout.
type ids map[string]string

// patternOf is the regular expression for a token of the page that may differ. It has a group for each id not seen
// before.
func (known ids) patternOf(token string, unseen *[]string) string {
	switch {
	case token == "…":
		return `(?s:.*?)`
	case strings.TrimSpace(token) == "":
		return `\s+`
	case anID.MatchString(token) && known[token] != "":
		return regexp.QuoteMeta(known[token])
	case anID.MatchString(token):
		*unseen = append(*unseen, token)
		return `([0-9a-f-]{` + fmt.Sprint(len(token)) + `})`
	case strings.HasSuffix(token, "Z"):
		return `\d{4}-\d\d-\d\dT[0-9:.]+Z`
	case strings.Contains(token, ","):
		return `[A-Z][a-z]+\s+\d{1,2},\s+\d{4}`
	default:
		return digit.ReplaceAllString(token, `\d`)
	}
}

// match compares what was printed with what the page shows, and learns the ids. A … stands for any text.
func (known ids) match(want []string, got string) error {
	var unseen []string
	var pattern strings.Builder
	rest := strings.TrimSpace(strings.Join(want, "\n"))
	for at := variable.FindStringIndex(rest); at != nil; at = variable.FindStringIndex(rest) {
		pattern.WriteString(regexp.QuoteMeta(rest[:at[0]]) + known.patternOf(rest[at[0]:at[1]], &unseen))
		rest = rest[at[1]:]
	}
	pattern.WriteString(regexp.QuoteMeta(rest))
	found := regexp.MustCompile(`\A\s*` + pattern.String() + `\s*\z`).FindStringSubmatch(got)
	if found == nil {
		return fmt.Errorf("the page shows\n%s\n\nthe command prints\n%s", strings.Join(want, "\n"), got)
	}
	for i, token := range unseen {
		if before := known[token]; before != "" && before != found[i+1] {
			return fmt.Errorf("%s of the page stands for both %s and %s", token, before, found[i+1])
		}
		known[token] = found[i+1]
		if len(token) > 8 { // lists show the beginnings
			known[token[:8]] = found[i+1][:8]
			known[token[28:]] = found[i+1][28:] // an invite's short id is its end
		}
	}
	return nil
}

// live replaces the page's ids by those of this run.
func (known ids) live(command string) string {
	return anID.ReplaceAllStringFunc(command, func(token string) string {
		if id := known[token]; id != "" {
			return id
		}
		return token
	})
}
