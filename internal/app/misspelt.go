package app

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// misspelt returns a line for each variable of the environment that looks like a setting of the command and is none:
// its name, and the setting that is meant. Otherwise a setting with a typing error would have its default.
func misspelt(parser *kong.Kong, environ []string) (lines []string) {
	known := map[string]bool{}
	_ = kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			for _, name := range flag.Envs {
				known[name], known[name+fileSuffix] = true, true
			}
		}
		return next(nil)
	})
	var others []string
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if !known[name] {
			others = append(others, name)
		}
		delete(known, name) // what is set under its own name is not meant by another one
	}
	for _, name := range others {
		if meant := nearest(name, known); meant != "" {
			lines = append(lines, name+": there is no such setting, so it does nothing. Is "+meant+" meant?")
		}
	}
	slices.Sort(lines)
	return lines
}

// fileSuffix ends the name of a variable that names a file with the value.
const fileSuffix = "_FILE"

// mostTypos is how many letters a name may differ from the setting that is meant.
const mostTypos = 2

// nearest returns the setting whose name differs least, or "". Both names must have a word in common, because the
// environment has variables of other programs, too.
func nearest(name string, known map[string]bool) (meant string) {
	least := mostTypos + 1
	for setting := range known {
		if !sharesAWord(name, setting) {
			continue
		}
		if d := distance(name, setting); d < least || d == least && meant != "" && setting < meant {
			least, meant = d, setting
		}
	}
	return meant
}

func sharesAWord(a, b string) bool {
	words := strings.Split(b, "_")
	return slices.ContainsFunc(strings.Split(a, "_"), func(word string) bool { return slices.Contains(words, word) })
}

// distance is how many letters are inserted, left out, changed or swapped with the next one (optimal string alignment).
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range b {
		d[0][j+1] = j + 1
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
