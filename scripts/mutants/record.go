package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// newHeader is a placeholder. The author of a new patch replaces it.
const newHeader = "What is forgotten or broken.\n\nfound by: test ./internal/… Test…\nnames: …\n\n"

// edit copies the tree and applies a patch, so that the author can change it there. git writes the hunks that do not
// apply into *.rej files.
func (t tool) edit(ctx context.Context, name string) error {
	tree, err := copyTree(ctx, t.root, t.copyOf(name))
	if err != nil {
		return err
	}
	file := t.fileOf(name)
	if _, err := os.Stat(file); err == nil {
		if _, err := tree.git(ctx, "apply", "--reject", "--whitespace=nowarn", file); err != nil {
			fmt.Fprintf(t.out, "%s\n", err)
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fmt.Fprintf(t.out, "Change %s, then: go run ./scripts/mutants -record %s\n", tree.dir, name)
	return nil
}

// record writes the patch from the copy, and keeps its header. With few lines of context, the patch is likely to apply
// after later changes.
func (t tool) record(ctx context.Context, name string) error {
	tree := &tree{dir: t.copyOf(name)}
	if _, err := os.Stat(tree.dir); err != nil {
		return fmt.Errorf("there is no copy of the tree yet: go run ./scripts/mutants -edit %s", name)
	}
	if _, err := tree.git(ctx, "add", "-A"); err != nil {
		return err
	}
	diff, err := tree.git(ctx, "diff", "--cached", "--no-renames", "--no-color", "-U2")
	switch {
	case err != nil:
		return err
	case diff == "":
		return fmt.Errorf("%s has no changes", tree.dir)
	case strings.Contains(diff, ".rej\n"):
		return fmt.Errorf("%s has hunks that did not apply: make their changes by hand and delete the *.rej files", tree.dir)
	}
	header := newHeader
	if content, err := os.ReadFile(t.fileOf(name)); err == nil {
		header = string(content)
		if begins := diffOf.FindStringIndex(header); begins != nil {
			header = header[:begins[0]]
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	//nolint:gosec // the name is an argument of the command line
	if err := os.WriteFile(t.fileOf(name), []byte(header+diff), 0o600); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "Wrote %s. Check its header.\n", t.fileOf(name))
	return nil
}

func (t tool) copyOf(name string) string { return filepath.Join(t.work, "edit", name) }
func (t tool) fileOf(name string) string { return filepath.Join(t.patches, name+".patch") }
