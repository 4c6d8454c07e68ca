package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// tree is a copy of the repository in another folder. The copy is a git repository with its own commits, so a reset
// takes back a mutant. The folder stays, so Go's build cache has what a mutant does not change.
type tree struct{ dir string }

// copyTree makes a copy or updates it. The copy has all files that git does not ignore, also those that are not
// committed.
func copyTree(ctx context.Context, root, dir string) (*tree, error) {
	listed, err := command(ctx, root, "git", "ls-files", "-coz", "--exclude-standard")
	if err != nil {
		return nil, fmt.Errorf("list the files to copy: %w\n%s", err, listed)
	}
	t := &tree{dir: dir}
	if err := t.init(ctx); err != nil {
		return nil, err
	}
	keep := map[string]bool{}
	for name := range strings.SplitSeq(strings.TrimSuffix(listed, "\x00"), "\x00") {
		keep[name] = true
		err := copyFile(filepath.Join(root, name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		if err != nil { // git still lists a file whose deletion is not committed
			keep[name] = false
		}
	}
	old, err := t.git(ctx, "ls-files", "-coz", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(old, "\x00") {
		if name != "" && !keep[name] {
			if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return nil, err
			}
		}
	}
	return t, t.commit(ctx)
}

// copyFile copies a file, unless the copy has the same content already.
func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if have, err := os.ReadFile(to); err == nil && bytes.Equal(have, content) {
		return nil
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	return os.WriteFile(to, content, info.Mode().Perm()) //nolint:gosec // git lists the names
}

func (t *tree) init(ctx context.Context) error {
	if err := os.MkdirAll(t.dir, 0o750); err != nil {
		return err
	}
	_, err := os.Stat(filepath.Join(t.dir, ".git"))
	if err == nil {
		return t.reset(ctx)
	}
	if _, err = t.git(ctx, "init", "-q"); err != nil {
		return err
	}
	return t.commit(ctx)
}

// commit commits all files. reset goes back to this commit.
func (t *tree) commit(ctx context.Context) error {
	if _, err := t.git(ctx, "add", "-A"); err != nil {
		return err
	}
	_, err := t.git(ctx, "-c", "user.name=mutants", "-c", "user.email=", "commit", "-q", "--allow-empty", "--no-verify",
		"-m", "the tree")
	return err
}

func (t *tree) reset(ctx context.Context) error {
	if _, err := t.git(ctx, "reset", "-q", "--hard"); err != nil {
		return err
	}
	_, err := t.git(ctx, "clean", "-qfd")
	return err
}

// apply applies the patch of a mutant, without the place that the mutant leaves out. On an error, the tree is
// unchanged.
func (t *tree) apply(ctx context.Context, m mutant) error {
	args := []string{"apply", "--whitespace=nowarn"}
	if m.without != "" {
		args = append(args, "--exclude="+m.without)
	}
	if _, err := t.git(ctx, append(args, m.patch.file)...); err != nil {
		return fmt.Errorf("testdata/mutants/%s.patch no longer applies. Update it: go run ./scripts/mutants -edit %[1]s\n%w",
			m.patch.name, err)
	}
	return nil
}

// git runs git in the repository of the tree, and never in another one, where a reset would delete a person's work. The
// error contains the output.
func (t *tree) git(ctx context.Context, args ...string) (string, error) {
	output, err := command(ctx, t.dir, "git", append([]string{"--git-dir=.git", "--work-tree=."}, args...)...)
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", args[0], err, output)
	}
	return output, nil
}

// command runs a program in a folder and returns its output. It ignores the user's git configuration. It also ignores
// the variables that git sets for hooks, because a hook may have started this program.
func command(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	environ := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GIT_") })
	cmd.Env = append(environ, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	output, err := cmd.CombinedOutput()
	return string(output), err
}
