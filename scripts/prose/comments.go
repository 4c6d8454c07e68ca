package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
)

// directive is a comment for a tool: //go:embed, //nolint:gosec // why.
var directive = regexp.MustCompile(`^//(?:[a-z]+:|nolint\b|line )`)

// readGo adds a file's comments, string literals and identifiers to its package's text. Generated files are left out.
func readGo(root fs.FS, file string, into *text) error {
	source, err := fs.ReadFile(root, file)
	if err != nil {
		return err
	}
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, file, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	if ast.IsGenerated(parsed) {
		return nil
	}
	for _, group := range parsed.Comments {
		into.pieces = append(into.pieces, commentPieces(file, files.Position(group.Pos()).Line, group)...)
	}
	ast.Inspect(parsed, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.Ident:
			into.idents = append(into.idents, piece{file: file, line: files.Position(n.Pos()).Line, text: n.Name})
		case *ast.BasicLit:
			if s, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
				into.strings = append(into.strings, piece{file: file, line: files.Position(n.Pos()).Line, text: s})
			}
		}
		return true
	})
	return nil
}

// commentPieces splits a comment as `go doc` reads it. Blank lines end a paragraph, indented lines are code unless they
// are a list, and a line that begins with # is a heading.
func commentPieces(file string, line int, group *ast.CommentGroup) []piece {
	p := paragraphs{file: file, isPlain: true}
	for _, comment := range group.List {
		for i, text := range commentLines(comment.Text) {
			switch trimmed := strings.TrimSpace(text); {
			case trimmed == "", strings.HasPrefix(text, " # "):
				p.end()
				p.inList = false
			case item.MatchString(text) && strings.HasPrefix(text, "  "):
				p.end()
				p.inList = true
				p.add(line+i, item.ReplaceAllString(text, ""))
			case strings.HasPrefix(text, "\t"), strings.HasPrefix(text, "   ") && !p.inList:
				p.end()
			default:
				p.add(line+i, trimmed)
			}
		}
		line += strings.Count(comment.Text, "\n") + 1
	}
	p.end()
	return p.pieces
}

// commentLines returns a comment's lines without the comment marks. A directive has no lines.
func commentLines(comment string) []string {
	if directive.MatchString(comment) {
		return []string{""}
	}
	if text, isLine := strings.CutPrefix(comment, "//"); isLine {
		return []string{text}
	}
	return strings.Split(strings.TrimSuffix(strings.TrimPrefix(comment, "/*"), "*/"), "\n")
}
