package pages

import (
	"encoding/json"
	"regexp"
	"strings"

	"portal-invites/internal/api"
)

// lettersPage lists dead letters.
type lettersPage struct {
	*frame
	Letters []letterRow
	Filters []filter
	Next    string
}

type letterRow struct {
	api.DeadLetter
	Path, When string
	State      status
}

// letterPage is one dead letter, with what is wrong marked in its body.
type letterPage struct {
	*frame
	Letter    api.DeadLetter
	Head      string
	When      string
	State     status
	Lines     []bodyLine
	Open      bool // somebody has to decide
	MayDecide bool
	Decided   string
	Outdated  string
}

func (f *frame) letterStatus(state api.LetterState) status {
	switch state {
	case api.LetterRequeued:
		return status{"active", f.T("letter.requeued"), "ok"}
	case api.LetterDiscarded:
		return status{"removed", f.T("letter.discarded"), "soft"}
	case api.LetterOpen:
	}
	return status{"warn", f.T("letter.open"), "warn"}
}

func (s *Site) letters(f *frame) (any, error) {
	if !f.Who.Ops {
		return nil, errNoPage
	}
	f.Section, f.Title, f.Live = "letters", f.T("nav.letters"), ""
	state := api.LetterState(f.value("state"))
	if !f.request.URL.Query().Has("state") {
		state = api.LetterOpen
	}
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.DeadLetters(ctx, f.Firm, api.DeadLettersRequest{
		State: state, Page: api.Page{Limit: pageSize, Cursor: f.value("cursor")},
	})
	if err != nil {
		return nil, err
	}
	page := lettersPage{frame: f}
	for _, one := range []api.LetterState{api.LetterOpen, api.LetterRequeued, api.LetterDiscarded, ""} {
		name := f.T("runs.all")
		if one != "" {
			name = f.letterStatus(one).Word
		}
		page.Filters = append(page.Filters, filter{name, f.URL("letters") + "?state=" + string(one), state == one})
	}
	for _, l := range answer.Letters {
		row := letterRow{l, f.URL("letters/" + l.ID.String()), f.At(l.At), f.letterStatus(l.State)}
		page.Letters = append(page.Letters, row)
	}
	if answer.Next != "" {
		page.Next = f.URL("letters", "cursor", answer.Next) + "&state=" + string(state)
	}
	return page, nil
}

func (s *Site) letter(f *frame) (any, error) {
	if !f.Who.Ops {
		return nil, errNoPage
	}
	ctx, cancel := f.patiently()
	defer cancel()
	answer, err := f.client.DeadLetters(ctx, f.Firm, api.DeadLettersRequest{
		Action: api.ShowLetter, ID: f.request.PathValue("letter"),
	})
	if err != nil {
		return nil, badID(err)
	}
	l := answer.Letters[0]
	page := letterPage{
		frame: f, Letter: l, When: f.At(l.At), State: f.letterStatus(l.State), Lines: marked(l.Body, l.Reason),
		Open: l.State == api.LetterOpen, MayDecide: f.Who.Operates(),
		Head: f.T("letter.head", "type", l.Type),
	}
	if l.Type == "" {
		page.Head = f.T("letter.head.unknown")
	}
	if !page.Open {
		page.Decided = f.T("letter.decided", "who", l.By, "when", f.At(l.MarkedAt), "note", l.Note)
	}
	f.Section, f.Title = "letters", page.Head
	f.Crumbs = []crumb{{f.T("nav.letters"), f.URL("letters")}, {l.ID.String()[:8], ""}}
	return page, nil
}

// markLetter requeues or discards a letter.
func (s *Site) markLetter(f *frame) (any, error) {
	if !f.Who.Operates() {
		return nil, errMayNot
	}
	ctx, cancel := f.patiently()
	defer cancel()
	id := f.request.PathValue("letter")
	_, err := f.client.DeadLetters(ctx, f.Firm, api.DeadLettersRequest{
		Action: f.value("action"), ID: id, By: f.Who.Name, Note: f.text("note"),
	})
	if err != nil {
		return nil, err
	}
	return seeOther(f.URL("letters/" + id)), nil
}

// bodyLine is a line of a letter's body, with what is wrong in it.
type bodyLine struct {
	Before, Mark, After string
	Says                []string
}

var fieldOfProblem = regexp.MustCompile(`^(?:data\.)?([A-Za-z_][A-Za-z0-9_.\[\]]*): `)

// marked writes a body line by line. Each problem of the reason stands under the line of its field, or under the first
// line if the body lacks the field.
func marked(body, reason string) (lines []bodyLine) {
	var pretty any
	text := body
	if json.Unmarshal([]byte(body), &pretty) == nil {
		if indented, err := json.MarshalIndent(json.RawMessage(body), "", "  "); err == nil {
			text = string(indented)
		}
	}
	if text == "" {
		return nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, bodyLine{Before: line})
	}
	for problem := range strings.SplitSeq(strings.ReplaceAll(reason, "; ", "\n"), "\n") {
		match := fieldOfProblem.FindStringSubmatch(problem)
		if match == nil {
			continue
		}
		at := lineOf(lines, match[1])
		if len(lines[at].Says) == 0 {
			lines[at].mark()
		}
		lines[at].Says = append(lines[at].Says, problem)
	}
	return lines
}

// mark marks the value of a line.
func (l *bodyLine) mark() {
	key, value, found := strings.Cut(l.Before, ": ")
	if !found || value == "{" || value == "[" {
		return // a whole object or list
	}
	value, comma := strings.CutSuffix(value, ",")
	l.Before, l.Mark = key+": ", value
	if comma {
		l.After = ","
	}
}

// lineOf finds the line of a field by its path, such as recipients[1].name. If the body lacks the field, it is the line
// of what should have it.
func lineOf(lines []bodyLine, path string) int {
	at := 0
	for step := range strings.SplitSeq(strings.NewReplacer("[", ".[", "]", "").Replace(path), ".") {
		find := key
		if index, isIndex := strings.CutPrefix(step, "["); isIndex {
			find, step = nth, index
		}
		next, found := find(lines, at, step)
		if !found {
			return at
		}
		at = next
	}
	return at
}

func depth(l bodyLine) int {
	text := l.Before + l.Mark
	return len(text) - len(strings.TrimLeft(text, " "))
}

// key finds a key in the object that begins at a line.
func key(lines []bodyLine, at int, name string) (int, bool) {
	for i := at + 1; i < len(lines) && depth(lines[i]) > depth(lines[at]); i++ {
		if depth(lines[i]) == depth(lines[at])+2 && strings.HasPrefix(strings.TrimLeft(lines[i].Before, " "), `"`+name+`":`) {
			return i, true
		}
	}
	return at, false
}

// nth finds an entry of the list that begins at a line.
func nth(lines []bodyLine, at int, index string) (int, bool) {
	n := 0
	for _, digit := range index {
		n = 10*n + int(digit-'0')
	}
	for i := at + 1; i < len(lines) && depth(lines[i]) > depth(lines[at]); i++ {
		text := strings.TrimLeft(lines[i].Before, " ")
		if depth(lines[i]) != depth(lines[at])+2 || strings.HasPrefix(text, "}") || strings.HasPrefix(text, "]") {
			continue
		}
		if n == 0 {
			return i, true
		}
		n--
	}
	return at, false
}
