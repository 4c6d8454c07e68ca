package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// smallFiles are the files of a repository with one rule and its test.
var smallFiles = map[string]string{
	"go.mod":     "module small\n\ngo 1.26\n",
	".gitignore": "/.cache/\n",
	"rule.go":    "package small\n\n// Limit is the smallest number that is too large.\nconst Limit = 2\n",
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

// repository makes a git repository of smallFiles and the patches, and returns its folder.
func repository(t *testing.T, patches map[string]string) string {
	t.Helper()
	root := t.TempDir()
	write(t, root, smallFiles)
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}} {
		if output, err := command(t.Context(), root, "git", args...); err != nil {
			t.Fatalf("%v: %s", err, output)
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

// diff returns a diff that changes one line of a file of smallFiles.
func diff(file, comment, from, to string) string {
	return "diff --git a/" + file + " b/" + file + "\n--- a/" + file + "\n+++ b/" + file + "\n" +
		"@@ -3,2 +3,2 @@\n " + comment + "\n-" + from + "\n+" + to + "\n"
}

func ruleDiff(to string) string {
	return diff("rule.go", "// Limit is the smallest number that is too large.", "const Limit = 2", to)
}

func otherDiff(to string) string {
	return diff("other.go", "// Other is something else.", "const Other = 1", to)
}

// runTool returns what the tool prints, and the text of its error.
func runTool(t *testing.T, root string, args ...string) (output, failure string) {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), append([]string{"-root", root}, args...), &out); err != nil {
		failure = err.Error()
	}
	return out.String(), failure
}

const testHeader = "The limit differs.\n\nfound by: test . TestLimit\nnames: rule.go\n"

func TestAMutantIsFoundAsItsHeaderSays(t *testing.T) {
	t.Parallel()
	const compilerHeader = "It does not compile.\n\nfound by: compiler .\nnames: rule.go\n"
	for name, c := range map[string]struct{ patch, output, failure string }{
		"a test":       {testHeader + ruleDiff("const Limit = 3"), "| TestLimit | yes ", ""},
		"the compiler": {compilerHeader + ruleDiff("const Limit = two"), "| compiler . | yes ", ""},
		"nothing": {
			compilerHeader + ruleDiff("const Limit = 3"), "NO: nobody finds it", "1 of 1 mutants are not found",
		},
		"a message without the place": {
			strings.Replace(compilerHeader, "names: rule.go", "names: rules.go", 1) + ruleDiff("const Limit = two"),
			`NO: the message does not name "rules.go"`, "1 of 1 mutants are not found",
		},
		"the compiler before the test": {
			testHeader + ruleDiff("const Limit = two"), "NO: the test did not run", "1 of 1 mutants are not found",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			output, failure := runTool(t, repository(t, map[string]string{"limit": c.patch}))
			if !strings.Contains(output, c.output) {
				t.Errorf("it prints\n%s\nwant %q", output, c.output)
			}
			if !strings.Contains(failure, c.failure) || c.failure == "" && failure != "" {
				t.Errorf("error %q, want %q", failure, c.failure)
			}
		})
	}
}

// The path of the linter may be relative to the working directory, although the linter runs in the copy of the tree.
func TestTheLinterRunsInTheCopy(t *testing.T) {
	t.Parallel()
	const header = "The limit differs.\n\nfound by: linter .\nnames: Limit = 3\n"
	root := repository(t, map[string]string{"limit": header + ruleDiff("const Limit = 3")})
	linter := filepath.Join(root, "linter.sh")
	write(t, root, map[string]string{"linter.sh": "#!/bin/sh\ncat rule.go\nexit 1\n"})
	if err := os.Chmod(linter, 0o700); err != nil {
		t.Fatal(err)
	}
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if linter, err = filepath.Rel(folder, linter); err != nil {
		t.Fatal(err)
	}
	if output, failure := runTool(t, root, "-linter", linter); failure != "" {
		t.Errorf("%s\n%s", failure, output)
	}
}

// A complete change passes every check. The tool leaves out each of its places in turn.
func TestACompleteChangeIsTriedPlaceByPlace(t *testing.T) {
	t.Parallel()
	const header = "The limit is one more than the other.\n\n" +
		"without: other.go\nfound by: compiler .\nnames: undefined: More\n\n" +
		"without: rule.go\nfound by: nobody, the change begins there\n\n"
	rule := ruleDiff("const Limit = 1 + More")
	output, failure := runTool(t, repository(t, map[string]string{"limit": header + otherDiff("const More = 1") + rule}))
	for _, line := range []string{
		"| limit, complete ", "| limit without other.go | compiler . ", "| limit without rule.go  | nobody ",
	} {
		if !strings.Contains(output, line) {
			t.Errorf("%q is not in\n%s", line, output)
		}
	}
	if failure != "" {
		t.Error(failure)
	}
	output, failure = runTool(t, repository(t, map[string]string{"limit": header + otherDiff("const Most = 1") + rule}))
	if failure == "" || !strings.Contains(output, "NO: does not pass: compiler ./...") {
		t.Errorf("a complete change that does not compile has no problem: %s", output)
	}
}

// -check applies and compiles each patch, and runs the mutants with `ci: yes`. Its error names the patch that does not
// apply or compile.
func TestEveryPatchIsAppliedAndCompiled(t *testing.T) {
	t.Parallel()
	good := testHeader + ruleDiff("const Limit = 3")
	marked := strings.Replace(testHeader, "names", "ci: yes\nnames", 1) + ruleDiff("const Limit = 4")
	output, failure := runTool(t, repository(t, map[string]string{"good": good, "marked": marked}), "-check")
	if failure != "" || strings.Contains(output, "| good") || !strings.Contains(output, "| marked") {
		t.Errorf("%s\n%s", failure, output)
	}
	bad := testHeader + otherDiff("const Other = two")
	_, failure = runTool(t, repository(t, map[string]string{"good": good, "bad": bad}), "-check")
	if !strings.Contains(failure, "does not compile: [bad]") {
		t.Errorf("the error does not name the patch that does not compile: %s", failure)
	}
	old := strings.Replace(good, "-const Limit = 2", "-const Limit = 9", 1)
	_, failure = runTool(t, repository(t, map[string]string{"good": good, "old": old}), "-check")
	want := "testdata/mutants/old.patch no longer applies. Update it: go run ./scripts/mutants -edit old"
	if !strings.Contains(failure, want) {
		t.Errorf("the error does not name the patch that does not apply: %s", failure)
	}
}

// -record writes a patch from the changed copy of the tree, and keeps its header.
func TestAPatchIsRecorded(t *testing.T) {
	t.Parallel()
	root := repository(t, map[string]string{"limit": testHeader + ruleDiff("const Limit = 3")})
	if _, failure := runTool(t, root, "-record", "limit"); !strings.Contains(failure, "-edit limit") {
		t.Errorf("-record without a copy: %s", failure)
	}
	if _, failure := runTool(t, root, "-edit", "limit"); failure != "" {
		t.Fatal(failure)
	}
	rule := filepath.Join(root, ".cache/mutants/edit/limit/rule.go")
	changed, err := os.ReadFile(rule)
	if err != nil || !strings.Contains(string(changed), "const Limit = 3") {
		t.Fatalf("-edit has not applied the patch in the copy: %s %v", changed, err)
	}
	if err := os.WriteFile(rule, bytes.Replace(changed, []byte("= 3"), []byte("= 5"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, failure := runTool(t, root, "-record", "limit"); failure != "" {
		t.Fatal(failure)
	}
	patch, err := os.ReadFile(filepath.Join(root, "testdata/mutants/limit.patch"))
	if err != nil || !strings.HasPrefix(string(patch), testHeader) ||
		!strings.Contains(string(patch), "+const Limit = 5\n") {
		t.Errorf("-record wrote, with error %v:\n%s", err, patch)
	}
}

func TestIncompleteHeaders(t *testing.T) {
	t.Parallel()
	change := ruleDiff("const Limit = 3")
	for _, c := range []struct{ patch, problem string }{
		{testHeader, "has no diff"},
		{"found by: test . TestLimit\nnames: rule.go\n" + change, "does not say what is broken"},
		{"x\n" + change, "needs `found by:"},
		{"x\nfound by: test .\nnames: y\n" + change, "needs `found by:"},
		{"x\nfound by: compiler .\nname: y\n" + change, `"name: y" is not a key`},
		{"x\nfound by: luck .\nnames: y\n" + change, "needs `found by:"},
		{"x\nfound by: test . TestLimit\n" + change, "needs `names:`"},
		{"x\nwithout: other.go\nfound by: compiler .\n" + change, "changes no file other.go"},
		{
			"x\nwithout: rule.go\nfound by: compiler .\n" + change + otherDiff("const Other = 3"),
			"no `without: other.go` says which check finds that the file is left out",
		},
		{
			"x\nfound by: compiler .\nwithout: rule.go\nfound by: compiler .\n" + change,
			"`found by` comes before the first `without`",
		},
	} {
		var p patch
		err := p.parse("limit.patch", c.patch)
		if err == nil || !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%q: error %v, want %q", c.patch, err, c.problem)
		}
	}
}

// A seed that fails on the tree without the bug finds nothing, whatever it says.
func TestASeedThatFailsWithoutTheBugFindsNothing(t *testing.T) {
	t.Parallel()
	root := repository(t, map[string]string{
		"seed": "A limit is wrong.\n\nfound by: test . TestSeedOfNothing\nnames: rule.go\n\n" + ruleDiff("const Limit = 3"),
	})
	write(t, root, map[string]string{"seed_test.go": "package small\n\nimport \"testing\"\n\n" +
		"func TestSeedOfNothing(t *testing.T) { t.Error(\"rule.go\") }\n"})
	var out bytes.Buffer
	err := run(t.Context(), []string{"-root", root, "seed"}, &out)
	if err == nil || !strings.Contains(out.String(), "NO: fails without the bug as well: TestSeedOfNothing") {
		t.Errorf("%v: %s", err, out.String())
	}
}
