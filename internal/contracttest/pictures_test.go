package contracttest

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"portal-invites/internal/store"
)

var update = flag.Bool("update", false, "draw the pictures of docs/states.md anew")

const (
	picturesPage = "../../docs/states.md"
	drawAnew     = "go test ./internal/contracttest -run Drawn -update"
)

// Each picture of docs/states.md is the one that the code's own table gives. With -update, the test writes it there.
func TestPicturesAreDrawnFromTheCode(t *testing.T) {
	t.Parallel()
	page := readFile(t, picturesPage)
	for _, picture := range []struct{ name, drawn string }{
		{"invite", drawStates(store.InviteTransitions)},
		{"access", drawStates(store.AccessTransitions)},
		{"packages", drawPackages(imports(t))},
	} {
		before, onPage, after := cutPicture(t, page, picture.name)
		switch {
		case onPage == picture.drawn:
		case *update:
			page = before + picture.drawn + after
		default:
			t.Errorf("docs/states.md, %s: not what the code gives. Draw it anew: %s", picture.name, drawAnew)
		}
	}
	if *update {
		if err := os.WriteFile(picturesPage, []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// cutPicture cuts a page at the markers around a picture.
func cutPicture(t *testing.T, page, name string) (before, picture, after string) {
	t.Helper()
	begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->\n"
	before, rest, begins := strings.Cut(page, begin)
	picture, after, ends := strings.Cut(rest, end)
	if !begins || !ends {
		t.Fatalf("docs/states.md: nothing is between %q and %q", begin, end)
	}
	return before + begin, picture, end + after
}

// drawStates draws one arrow for each pair of states, with the numbers of its causes. They are in the table below it,
// because they would cover each other in the picture.
func drawStates[S ~string](transitions []store.Transition[S]) string {
	type step struct{ from, to string }
	var order []step
	numbers := map[step][]string{}
	var table strings.Builder
	table.WriteString("\n| | from | to | because |\n|---:|---|---|---|\n")
	for i, transition := range transitions {
		arrow := step{dot(transition.From), dot(transition.To)}
		if numbers[arrow] == nil {
			order = append(order, arrow)
		}
		numbers[arrow] = append(numbers[arrow], strconv.Itoa(i+1))
		fmt.Fprintf(&table, "| %d | %s | %s | %s |\n", i+1, word(arrow.from), word(arrow.to), transition.Cause)
	}
	var picture strings.Builder
	picture.WriteString("```mermaid\nstateDiagram-v2\n")
	for _, arrow := range order {
		fmt.Fprintf(&picture, "    %s --> %s : %s\n", arrow.from, arrow.to, strings.Join(numbers[arrow], ", "))
	}
	return picture.String() + "```\n" + table.String()
}

const noRow = "[*]" // a dot: before the first state and after the last one, there is no row

// dot is how a picture names a state.
func dot[S ~string](state S) string {
	if state == "" {
		return noRow
	}
	return string(state)
}

// word is how the table below a picture names a state.
func word(state string) string {
	if state == noRow {
		return "no row"
	}
	return "`" + state + "`"
}

// drawPackages draws what the commands are made of, and leaves out every arrow that a longer way says already.
func drawPackages(imports map[string][]string) string {
	inside := map[string]bool{}
	for name := range imports {
		if strings.HasPrefix(name, "cmd/") {
			inside[name] = true
			for below := range reach(imports, name) {
				inside[below] = true
			}
		}
	}
	var commands, stages, others, arrows []string
	for _, name := range sortedKeys(inside) {
		node := fmt.Sprintf("%s[%s]\n", nodeOf(name), strings.TrimPrefix(name, "internal/"))
		switch {
		case strings.HasPrefix(name, "cmd/"):
			commands = append(commands, "        "+node)
		case strings.HasPrefix(name, "internal/pipeline/"):
			stages = append(stages, "        "+node)
		default:
			others = append(others, "    "+node)
		}
		for _, used := range direct(imports, name) {
			arrows = append(arrows, fmt.Sprintf("    %s --> %s\n", nodeOf(name), nodeOf(used)))
		}
	}
	return "```mermaid\nflowchart TD\n" +
		"    subgraph commands\n" + strings.Join(commands, "") + "    end\n" +
		"    subgraph rooms [rooms of the pipeline]\n" + strings.Join(stages, "") + "    end\n" +
		strings.Join(others, "") + strings.Join(arrows, "") + "```\n"
}

// direct are the imports of a package that none of its other imports leads to.
func direct(imports map[string][]string, name string) []string {
	return slices.DeleteFunc(slices.Clone(imports[name]), func(used string) bool {
		return slices.ContainsFunc(imports[name], func(other string) bool { return reach(imports, other)[used] })
	})
}

// nodeOf is a package's name in a picture's arrows, which may have no slash.
func nodeOf(name string) string {
	return strings.NewReplacer("internal/", "", "/", "_").Replace(name)
}
