package contracttest

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	action  = regexp.MustCompile(`(?m)^inline (\w+)\(`)
	whereIs = regexp.MustCompile(`(?s)/\*(?: | \n)?(In the code|Outside the code|Only in the model): (.*?)\*/\s*$`)
)

// Each action of docs/model names the functions that do it, and one of the packages that its comment names declares
// each of them. Or it says that it is outside the code, or only in the model.
func TestTheModelsNameTheirCode(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/model/*.pml")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d models (%v)", len(files), err)
	}
	for _, file := range files {
		named := 0
		text := readFile(t, file)
		for _, at := range action.FindAllStringSubmatchIndex(text, -1) {
			name, before := text[at[2]:at[3]], text[:at[0]]
			comment := whereIs.FindStringSubmatch(before[max(0, strings.LastIndex(before, "/*")):])
			if comment == nil {
				t.Errorf("%s: the comment before %s does not say where it is in the code", file, name)
			} else if comment[1] == "In the code" {
				spans := spansOf(comment[2])
				isDeclared := declaredIn(t, spans)
				for _, s := range spans {
					named++
					if !isDeclared[s.text] && !isElsewhere(t, s) {
						t.Errorf("%s, %s: %s is not in the packages that the comment names", file, name, s.text)
					}
				}
			}
		}
		if named < 5 {
			t.Errorf("%s names %d functions", file, named)
		}
	}
}
