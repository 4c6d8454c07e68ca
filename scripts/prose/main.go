// Command prose measures how easily our English reads: for each page, and for all comments of each Go package, the mean
// number of words in a sentence and the share of long sentences. It also finds the words that docs/glossary.md has retired.
//
//	go run ./scripts/prose                           # everything; exit code 1 if a limit is passed or a retired word is found
//	go run ./scripts/prose -report                   # the same report, always exit code 0
//	go run ./scripts/prose -worst 5 docs/flow.md     # with the longest sentences of each text named
//
// It needs nothing but Go.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

func main() {
	ok, err := run(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "prose:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// run prints the report. ok is false if a text is over a limit or has a retired word; with -report it is always true.
func run(args []string, out io.Writer) (ok bool, err error) {
	flags := flag.NewFlagSet("prose", flag.ContinueOnError)
	root := flags.String("root", ".", "folder of the repository")
	report := flags.Bool("report", false, "only report: exit code 0 whatever is found")
	worst := flags.Int("worst", 0, "print this many of the longest sentences of each text")
	all := flags.Bool("all", false, "list the texts within the limits, too")
	if err := flags.Parse(args); err != nil {
		return false, err
	}
	texts, err := readAll(os.DirFS(*root))
	if err != nil {
		return false, err
	}
	texts, err = named(texts, flags.Args())
	if err != nil {
		return false, err
	}
	retired, err := readRetired(os.DirFS(*root), glossary)
	if err != nil {
		return false, err
	}
	clean := write(out, texts, retired, options{worst: *worst, all: *all || len(flags.Args()) > 0})
	return clean || *report, nil
}

// named keeps the texts with these names: a page, or a package's folder. No names keep all of them.
func named(texts []text, names []string) ([]text, error) {
	if len(names) == 0 {
		return texts, nil
	}
	var kept []text
	for _, name := range names {
		name = path.Clean(strings.TrimPrefix(name, "./"))
		before := len(kept)
		for _, t := range texts {
			if t.name == name || strings.HasPrefix(t.name, name+"/") {
				kept = append(kept, t)
			}
		}
		if len(kept) == before {
			return nil, fmt.Errorf("%s is neither a page nor a package with comments", name)
		}
	}
	return kept, nil
}
