package main

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// glossary is the page with the table of retired words. It names them all, so they are not looked for in it.
const glossary = "docs/glossary.md"

// text is what is measured as one: a page, or the comments of a package.
type text struct {
	name    string // the page's path, or the package's folder
	isGo    bool
	pieces  []piece // what has sentences
	strings []piece // Go: string literals, which operators may read
	idents  []piece // Go: identifiers where they are declared or used
}

// piece is a paragraph, an item of a list, a table's cell or a comment, without markup and line breaks.
type piece struct {
	file string
	line int
	text string
	cell bool // of a table
}

// readAll reads every page and every package's comments, pages first, in the order of their paths.
func readAll(root fs.FS) ([]text, error) {
	var pages []text
	packages := map[string]*text{}
	err := fs.WalkDir(root, ".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return skipFolder(entry.Name())
		case isPage(file):
			page, err := readPage(root, file)
			pages = append(pages, page)
			return err
		case strings.HasSuffix(file, ".go"):
			folder := path.Dir(file)
			if packages[folder] == nil {
				packages[folder] = &text{name: folder, isGo: true}
			}
			return readGo(root, file, packages[folder])
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the texts: %w", err)
	}
	for _, p := range packages {
		pages = append(pages, *p)
	}
	slices.SortFunc(pages, func(a, b text) int {
		if a.isGo != b.isGo {
			if a.isGo {
				return 1
			}
			return -1
		}
		return strings.Compare(a.name, b.name)
	})
	return pages, nil
}

// skipFolder leaves out hidden folders, what was built, and test data.
func skipFolder(name string) error {
	if name != "." && strings.HasPrefix(name, ".") || slices.Contains([]string{"bin", "data", "demo-data", "testdata"}, name) {
		return fs.SkipDir
	}
	return nil
}

// isPage tells the pages that people read from results and licences.
func isPage(file string) bool {
	if !strings.HasSuffix(file, ".md") {
		return false
	}
	folder, _, nested := strings.Cut(file, "/")
	return !nested || slices.Contains([]string{"docs", "api", "examples"}, folder)
}

func readPage(root fs.FS, file string) (text, error) {
	content, err := fs.ReadFile(root, file)
	if err != nil {
		return text{}, err
	}
	markdown := string(content)
	if file == "CHANGELOG.md" {
		markdown = topSection(markdown)
	}
	return text{name: file, pieces: markdownPieces(file, markdown)}, nil
}

// topSection cuts a changelog before its second release: what is released is history, and stays as it was written.
func topSection(changelog string) string {
	parts := strings.Split(changelog, "\n## ")
	return strings.Join(parts[:min(2, len(parts))], "\n## ")
}
