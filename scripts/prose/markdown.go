package main

import (
	"regexp"
	"strings"
)

var (
	image     = regexp.MustCompile(`!\[[^\]]*\]\([^)]*\)`)
	link      = regexp.MustCompile(`\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])`)
	autolink  = regexp.MustCompile(`<(https?://[^>\s]+)>`)
	codeSpan  = regexp.MustCompile("``[^`]*(?:`[^`]+)*``|`[^`]+`")
	remark    = regexp.MustCompile(`(?s)<!--.*?-->`)
	item      = regexp.MustCompile(`^\s*(?:[-*+]|\d+[.)])\s+`)
	reference = regexp.MustCompile(`^\s*\[[^\]]+\]:\s`)
	ruler     = regexp.MustCompile(`^\|?[\s:|-]+\|?$`)
	emphasis  = strings.NewReplacer("**", "", "__", "", "*", "")
)

// markdownPieces takes a page apart: paragraphs, items of lists, quotes and cells of tables. Headings, code, remarks and
// rows of dashes have no sentences.
func markdownPieces(file, markdown string) []piece {
	p := paragraphs{file: file}
	inCode := false
	for i, line := range withoutFences(remark.ReplaceAllStringFunc(markdown, blank)) {
		trimmed := strings.TrimLeft(line, " ")
		quoted := strings.TrimLeft(strings.TrimPrefix(trimmed, ">"), " ")
		isCode := strings.HasPrefix(line, "    ") && !p.inList && (inCode || !p.open())
		switch {
		case isCode:
		case strings.TrimSpace(quoted) == "":
			p.end()
		case strings.HasPrefix(trimmed, "#"), reference.MatchString(line):
			p.end()
			p.inList = false
		case strings.HasPrefix(trimmed, "|"):
			p.row(i+1, trimmed)
		case item.MatchString(quoted):
			p.end()
			p.inList = true
			p.add(i+1, item.ReplaceAllString(quoted, ""))
		default:
			p.inList = p.inList && (p.open() || strings.HasPrefix(line, " "))
			p.add(i+1, quoted)
		}
		inCode = isCode
	}
	p.end()
	return p.pieces
}

// blank keeps the line breaks of what it removes, so that lines stay numbered as in the file.
func blank(s string) string { return strings.Repeat("\n", strings.Count(s, "\n")) }

// withoutFences are a page's lines, empty where code stands between fences.
func withoutFences(markdown string) []string {
	lines := strings.Split(markdown, "\n")
	fence := ""
	for i, line := range lines {
		trimmed := strings.TrimLeft(line, " ")
		opens := fence == "" && (strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "~~~"))
		switch {
		case opens:
			fence, lines[i] = trimmed[:3], ""
		case fence != "":
			if strings.HasPrefix(trimmed, fence) {
				fence = ""
			}
			lines[i] = ""
		}
	}
	return lines
}

// paragraphs collects lines until a piece ends.
type paragraphs struct {
	file    string
	line    int // where the open piece began
	lines   []string
	pieces  []piece
	inList  bool
	isPlain bool // comments: no markup to remove
}

func (p *paragraphs) open() bool { return len(p.lines) > 0 }

func (p *paragraphs) add(line int, text string) {
	if !p.open() {
		p.line = line
	}
	p.lines = append(p.lines, strings.TrimSpace(text))
}

func (p *paragraphs) end() {
	if !p.open() {
		return
	}
	text := strings.Join(p.lines, " ")
	if !p.isPlain {
		text = plain(text)
	}
	p.pieces = append(p.pieces, piece{file: p.file, line: p.line, text: text})
	p.lines = nil
}

// row makes each cell a piece of its own.
func (p *paragraphs) row(line int, text string) {
	p.end()
	if ruler.MatchString(text) {
		return
	}
	text = strings.ReplaceAll(strings.Trim(text, "| "), `\|`, "\u00a6")
	for cell := range strings.SplitSeq(text, "|") {
		p.add(line, cell)
		p.end()
		p.pieces[len(p.pieces)-1].cell = true
	}
}

// plain removes markup from a paragraph. A span of code is one word, whatever stands in it.
func plain(text string) string {
	text = image.ReplaceAllString(text, "")
	text = codeSpan.ReplaceAllStringFunc(text, func(s string) string {
		return strings.Join(strings.Fields(strings.Trim(s, "`")), "\u00a0")
	})
	text = link.ReplaceAllString(text, "$1")
	text = autolink.ReplaceAllString(text, "$1")
	return emphasis.Replace(text)
}
