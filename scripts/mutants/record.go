package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// newHeader is what a new patch begins with. It is no header yet: whoever records the patch writes one.
const newHeader = "What is forgotten or broken.\n\nfound by: test ./internal/… Test…\nnames: …\n\n"

// edit makes a copy with a patch applied, to be put right there. Hunks that can't be applied lie beside their files, in *.rej.
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
	fmt.Fprintf(t.out, "Change %s as you like, then: go run ./scripts/mutants -record %s\n", tree.dir, name)
	return nil
}

// record writes the patch anew, and keeps its header. Few lines of context let it apply for long.
func (t tool) record(ctx context.Context, name string) error {
	tree := &tree{dir: t.copyOf(name)}
	if _, err := os.Stat(tree.dir); err != nil {
		return fmt.Errorf("there is no copy with changes yet: go run ./scripts/mutants -edit %s", name)
	}
	if _, err := tree.git(ctx, "add", "-A"); err != nil {
		return err
	}
	diff, err := tree.git(ctx, "diff", "--cached", "--no-renames", "--no-color", "-U2")
	switch {
	case err != nil:
		return err
	case diff == "":
		return fmt.Errorf("nothing is changed in %s", tree.dir)
	case strings.Contains(diff, ".rej\n"):
		return fmt.Errorf("%s still has hunks that could not be applied (*.rej): put them right and delete the files", tree.dir)
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
	if err := os.WriteFile(t.fileOf(name), []byte(header+diff), 0o600); err != nil { //nolint:gosec // whoever calls this names the patch
		return err
	}
	fmt.Fprintf(t.out, "Written: %s. Its header says who must find it.\n", t.fileOf(name))
	return nil
}

func (t tool) copyOf(name string) string { return filepath.Join(t.work, "edit", name) }
func (t tool) fileOf(name string) string { return filepath.Join(t.patches, name+".patch") }
