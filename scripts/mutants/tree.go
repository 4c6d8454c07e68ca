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

// tree is a copy of the repository in a folder of its own, with a git repository of its own whose one commit is the copy: to take a
// change back is a reset. The folder stays, so that Go has built before what a mutant does not touch.
type tree struct{ dir string }

// copyTree makes the copy, or brings one up to date: all files that are not ignored, committed or not.
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
		if err != nil && !errors.Is(err, os.ErrNotExist) { // deleted, and not committed yet
			return nil, err
		}
		if err != nil {
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

// copyFile leaves a file alone that is the same already.
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
	return os.WriteFile(to, content, info.Mode().Perm()) //nolint:gosec // the names are git's
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

// commit makes what is there the state to which reset goes back.
func (t *tree) commit(ctx context.Context) error {
	if _, err := t.git(ctx, "add", "-A"); err != nil {
		return err
	}
	_, err := t.git(ctx, "-c", "user.name=mutants", "-c", "user.email=", "commit", "-q", "--allow-empty", "--no-verify", "-m", "the tree")
	return err
}

func (t *tree) reset(ctx context.Context) error {
	if _, err := t.git(ctx, "reset", "-q", "--hard"); err != nil {
		return err
	}
	_, err := t.git(ctx, "clean", "-qfd")
	return err
}

// apply changes the tree as the patch says, but for the place that the mutant leaves out. On an error nothing has changed.
func (t *tree) apply(ctx context.Context, m mutant) error {
	args := []string{"apply", "--whitespace=nowarn"}
	if m.without != "" {
		args = append(args, "--exclude="+m.without)
	}
	if _, err := t.git(ctx, append(args, m.patch.file)...); err != nil {
		return fmt.Errorf("testdata/mutants/%s.patch does not apply any more. Make it anew: go run ./scripts/mutants -edit %[1]s\n%w", m.patch.name, err)
	}
	return nil
}

// git runs in the tree's own repository and in no other: a reset would cost somebody their work. The error has what it said.
func (t *tree) git(ctx context.Context, args ...string) (string, error) {
	said, err := command(ctx, t.dir, "git", append([]string{"--git-dir=.git", "--work-tree=."}, args...)...)
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", args[0], err, said)
	}
	return said, nil
}

// command runs a program in a folder and returns all it says. What the user has set up for git does not count, nor what git has set
// up for a hook that may have started us.
func command(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	ours := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GIT_") })
	cmd.Env = append(ours, "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	said, err := cmd.CombinedOutput()
	return string(said), err
}
