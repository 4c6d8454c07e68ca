package main

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

const (
	meanLimit  = 18.0 // words in a sentence
	longWords  = 35   // a sentence with more words is long
	shareLimit = 0.03 // of a text's sentences may be long
	leastWords = 4    // fewer are a fragment, such as a unit beside a field
	cellWords  = 12   // fewer in a table's cell are an entry, and would only lower the mean
)

// sentence is one sentence with its place and its number of words.
type sentence struct {
	piece
	words int
}

// ends matches a mark that may end a sentence, with closing quotes and brackets after it.
var ends = regexp.MustCompile(`[.!?…]["'”’)\]]*\s`)

// abbreviations have a full stop but do not end a sentence.
var abbreviations = []string{"e.g.", "i.e.", "etc.", "vs.", "cf.", "no.", "approx.", "resp."}

// sentences splits pieces into sentences. It skips fragments.
func sentences(pieces []piece) []sentence {
	var found []sentence
	for _, p := range pieces {
		if p.cell && words(p.text) < cellWords {
			continue
		}
		for _, s := range split(p.text) {
			if n := words(s); n >= leastWords {
				found = append(found, sentence{piece{file: p.file, line: p.line, text: s}, n})
			}
		}
	}
	return found
}

// split splits a paragraph into its sentences.
func split(paragraph string) []string {
	var found []string
	begin, from := 0, 0
	for {
		at := ends.FindStringIndex(paragraph[from:])
		if at == nil {
			break
		}
		from += at[1]
		if isInside(paragraph[begin:from], paragraph[from:]) {
			continue
		}
		found = append(found, strings.TrimSpace(paragraph[begin:from]))
		begin = from
	}
	if rest := strings.TrimSpace(paragraph[begin:]); rest != "" {
		found = append(found, rest)
	}
	return found
}

// isInside says whether the mark at the end of before is within a sentence: in an abbreviation or an initial, or an
// ellipsis before a lower-case word.
func isInside(before, after string) bool {
	fields := strings.Fields(before)
	last := strings.ToLower(strings.TrimLeft(fields[len(fields)-1], `("'“[`))
	continues := strings.HasSuffix(last, "…") && after != "" && unicode.IsLower([]rune(after)[0])
	return slices.Contains(abbreviations, last) || isInitial(fields) || continues
}

// isInitial distinguishes "Maria J. Lopez" from "the floor is F. If": before an initial comes a name or nothing.
func isInitial(fields []string) bool {
	last := []rune(fields[len(fields)-1])
	isName := len(fields) == 1 || unicode.IsUpper([]rune(fields[len(fields)-2])[0])
	return len(last) == 2 && unicode.IsUpper(last[0]) && last[1] == '.' && isName
}

// words counts the words that have a letter or a digit.
func words(s string) int {
	n := 0
	for _, field := range strings.FieldsFunc(s, isBreak) {
		if strings.ContainsFunc(field, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			n++
		}
	}
	return n
}

// isBreak says whether a character separates words: a space does, but not within a span of code.
func isBreak(r rune) bool { return unicode.IsSpace(r) && r != '\u00a0' }

// measures are the numbers that have limits.
type measures struct {
	sentences int
	mean      float64 // words in a sentence
	long      float64 // share of long sentences, 0 to 1
}

func measure(found []sentence) measures {
	m := measures{sentences: len(found)}
	if m.sentences == 0 {
		return m
	}
	var all, long int
	for _, s := range found {
		all += s.words
		if s.words > longWords {
			long++
		}
	}
	m.mean, m.long = float64(all)/float64(m.sentences), float64(long)/float64(m.sentences)
	return m
}

// isOver says whether a text is over a limit. It allows one long sentence in a text that is too short for a share.
func (m measures) isOver() bool {
	return m.mean > meanLimit || m.long > shareLimit && m.long*float64(m.sentences) > 1.5
}

// longest returns the n sentences with the most words, the longest first.
func longest(found []sentence, n int) []sentence {
	sorted := slices.Clone(found)
	slices.SortStableFunc(sorted, func(a, b sentence) int { return b.words - a.words })
	return sorted[:min(n, len(sorted))]
}
