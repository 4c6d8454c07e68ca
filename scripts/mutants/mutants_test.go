package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// small is a repository with one rule and its test.
var small = map[string]string{
	"go.mod":     "module small\n\ngo 1.26\n",
	".gitignore": "/.cache/\n",
	"rule.go":    "package small\n\n// Limit is how many are too many.\nconst Limit = 2\n",
	"other.go":   "package small\n\n// Other is something else.\nconst Other = 1\n",
	"rule_test.go": `package small

import "testing"

func TestLimit(t *testing.T) {
	if Limit != 2 {
		t.Errorf("Limit in rule.go is %d", Limit)
	}
}
`,
}

// repository makes one of files, and of patches whose diffs replace a text in a file.
func repository(t *testing.T, patches map[string]string) string {
	t.Helper()
	root := t.TempDir()
	write(t, root, small)
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}} {
		if said, err := command(t.Context(), root, "git", args...); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	files := map[string]string{}
	for name, content := range patches {
		files["testdata/mutants/"+name+".patch"] = content
	}
	write(t, root, files)
	return root
}

func write(t *testing.T, root string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// diff changes one line of a file of small.
func diff(file, comment, from, to string) string {
	return "diff --git a/" + file + " b/" + file + "\n--- a/" + file + "\n+++ b/" + file + "\n" +
		"@@ -3,2 +3,2 @@\n " + comment + "\n-" + from + "\n+" + to + "\n"
}

func ruleIs(to string) string {
	return diff("rule.go", "// Limit is how many are too many.", "const Limit = 2", to)
}

func otherIs(to string) string {
	return diff("other.go", "// Other is something else.", "const Other = 1", to)
}

// ran is what the tool prints, and its error.
func ran(t *testing.T, root string, args ...string) (said string, failed string) {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), append([]string{"-root", root}, args...), &out); err != nil {
		failed = err.Error()
	}
	return out.String(), failed
}

const byTheTest = "The limit is another.\n\nfound by: test . TestLimit\nnames: rule.go\n"

func TestAMutantIsFoundAsItsHeaderSays(t *testing.T) {
	t.Parallel()
	const byTheCompiler = "It does not compile.\n\nfound by: compiler .\nnames: rule.go\n"
	for name, c := range map[string]struct{ patch, says, fails string }{
		"by a test":       {byTheTest + ruleIs("const Limit = 3"), "| TestLimit | yes ", ""},
		"by the compiler": {byTheCompiler + ruleIs("const Limit = two"), "| compiler . | yes ", ""},
		"by nobody":       {byTheCompiler + ruleIs("const Limit = 3"), "NO: nobody finds it", "1 of 1 mutants are not found"},
		"without a place": {
			strings.Replace(byTheCompiler, "names: rule.go", "names: rules.go", 1) + ruleIs("const Limit = two"),
			`NO: the message does not name "rules.go"`, "1 of 1 mutants are not found",
		},
		"by the compiler before the test": {byTheTest + ruleIs("const Limit = two"), "NO: the test does not get so far", "1 of 1 mutants are not found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said, failed := ran(t, repository(t, map[string]string{"limit": c.patch}))
			if !strings.Contains(said, c.says) {
				t.Errorf("it says\n%s\nwant %q", said, c.says)
			}
			if !strings.Contains(failed, c.fails) || c.fails == "" && failed != "" {
				t.Errorf("error %q, want %q", failed, c.fails)
			}
		})
	}
}

// Of a whole change, each place is left out in turn; with all of them, nobody finds anything.
func TestAWholeChangeIsTriedPlaceByPlace(t *testing.T) {
	t.Parallel()
	const header = "The limit is one more than the other.\n\nwithout: other.go\nfound by: compiler .\nnames: undefined: More\n\n" +
		"without: rule.go\nfound by: nobody, it is the beginning\n\n"
	said, failed := ran(t, repository(t, map[string]string{"limit": header + otherIs("const More = 1") + ruleIs("const Limit = 1 + More")}))
	for _, line := range []string{"| limit, whole ", "| limit without other.go | compiler . ", "| limit without rule.go  | nobody "} {
		if !strings.Contains(said, line) {
			t.Errorf("%q is not in\n%s", line, said)
		}
	}
	if failed != "" {
		t.Error(failed)
	}
	said, failed = ran(t, repository(t, map[string]string{"limit": header + otherIs("const Most = 1") + ruleIs("const Limit = 1 + More")}))
	if failed == "" || !strings.Contains(said, "NO: is not right: compiler ./...") {
		t.Errorf("a whole change that does not compile is taken: %s", said)
	}
}

// What is checked without being run: that each patch applies, and that each compiles. It is said which one does not.
func TestEveryPatchIsAppliedAndCompiled(t *testing.T) {
	t.Parallel()
	good, worst := byTheTest+ruleIs("const Limit = 3"), strings.Replace(byTheTest, "names", "ci: yes\nnames", 1)+ruleIs("const Limit = 4")
	said, failed := ran(t, repository(t, map[string]string{"good": good, "worst": worst}), "-check")
	if failed != "" || strings.Contains(said, "| good") || !strings.Contains(said, "| worst") {
		t.Errorf("%s\n%s", failed, said)
	}
	_, failed = ran(t, repository(t, map[string]string{"good": good, "bad": byTheTest + otherIs("const Other = two")}), "-check")
	if !strings.Contains(failed, "does not compile: [bad, whole]") {
		t.Errorf("which one does not compile? %s", failed)
	}
	_, failed = ran(t, repository(t, map[string]string{"good": good, "old": byTheTest + strings.Replace(ruleIs("const Limit = 3"), "-const Limit = 2", "-const Limit = 9", 1)}), "-check")
	if !strings.Contains(failed, "testdata/mutants/old.patch does not apply any more. Make it anew: go run ./scripts/mutants -edit old") {
		t.Errorf("which one does not apply? %s", failed)
	}
}

// A patch is made anew from a copy of the tree that somebody has changed, and keeps its header.
func TestAPatchIsRecorded(t *testing.T) {
	t.Parallel()
	root := repository(t, map[string]string{"limit": byTheTest + ruleIs("const Limit = 3")})
	if _, failed := ran(t, root, "-record", "limit"); !strings.Contains(failed, "-edit limit") {
		t.Errorf("recorded without a copy: %s", failed)
	}
	if _, failed := ran(t, root, "-edit", "limit"); failed != "" {
		t.Fatal(failed)
	}
	rule := filepath.Join(root, ".cache/mutants/edit/limit/rule.go")
	changed, err := os.ReadFile(rule)
	if err != nil || !strings.Contains(string(changed), "const Limit = 3") {
		t.Fatalf("the patch is not applied in the copy: %s %v", changed, err)
	}
	if err := os.WriteFile(rule, bytes.Replace(changed, []byte("= 3"), []byte("= 5"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, failed := ran(t, root, "-record", "limit"); failed != "" {
		t.Fatal(failed)
	}
	patch, err := os.ReadFile(filepath.Join(root, "testdata/mutants/limit.patch"))
	if err != nil || !strings.HasPrefix(string(patch), byTheTest) || !strings.Contains(string(patch), "+const Limit = 5\n") {
		t.Errorf("recorded is %v\n%s", err, patch)
	}
}

func TestHeadersThatSayTooLittle(t *testing.T) {
	t.Parallel()
	change := ruleIs("const Limit = 3")
	for _, c := range []struct{ patch, says string }{
		{byTheTest, "no diff"},
		{"found by: test . TestLimit\nnames: rule.go\n" + change, "does not say what is broken"},
		{"x\n" + change, "wants `found by:"},
		{"x\nfound by: test .\nnames: y\n" + change, "wants `found by:"},
		{"x\nfound by: compiler .\nname: y\n" + change, `"name: y" is no key`},
		{"x\nfound by: luck .\nnames: y\n" + change, "wants `found by:"},
		{"x\nfound by: test . TestLimit\n" + change, "wants `names:`"},
		{"x\nwithout: other.go\nfound by: compiler .\n" + change, "changes no file other.go"},
		{"x\nwithout: rule.go\nfound by: compiler .\n" + change + otherIs("const Other = 3"), "nobody is said to find it where other.go is left out"},
		{"x\nfound by: compiler .\nwithout: rule.go\nfound by: compiler .\n" + change, "say it of each place"},
	} {
		var p patch
		err := p.parse("limit.patch", c.patch)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, want it to say %q", c.patch, err, c.says)
		}
	}
}
