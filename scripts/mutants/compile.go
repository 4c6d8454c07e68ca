package main

import (
	"context"
	"errors"
	"fmt"
)

// compileAll applies every patch, and compiles those that nobody is to find so early. Patches that get on with each other are
// compiled together: it costs what one does.
func compileAll(ctx context.Context, tree *tree, patches []patch) error {
	var wrong []error
	var left []mutant
	for i := range patches {
		m := mutant{patch: &patches[i], whole: true}
		err := tree.reset(ctx)
		if err == nil {
			err = tree.apply(ctx, m)
		}
		switch {
		case err != nil:
			wrong = append(wrong, err)
		case patches[i].change.by.who != byCompiler:
			left = append(left, m)
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	for len(left) > 0 {
		together, later, err := applyTogether(ctx, tree, left)
		if err != nil {
			return err
		}
		if err := vet(ctx, tree, together); err != nil {
			return err
		}
		left = later
	}
	return nil
}

// applyTogether applies as many of the patches as can be, one on top of the other; the first one always can.
func applyTogether(ctx context.Context, tree *tree, patches []mutant) (together, later []mutant, err error) {
	if err := tree.reset(ctx); err != nil {
		return nil, nil, err
	}
	for _, m := range patches {
		if tree.apply(ctx, m) == nil {
			together = append(together, m)
		} else {
			later = append(later, m)
		}
	}
	return together, later, nil
}

// vet compiles the tree, tests included. If it can't be, each half of the patches is tried alone, to say which of them it is.
func vet(ctx context.Context, tree *tree, applied []mutant) error {
	said, err := command(ctx, tree.dir, "go", "vet", "./...")
	if err == nil {
		return nil
	}
	middle := len(applied) / 2
	for _, half := range [][]mutant{applied[:middle], applied[middle:]} {
		if len(applied) == 1 {
			break
		}
		if _, _, err := applyTogether(ctx, tree, half); err != nil {
			return err
		}
		if err := vet(ctx, tree, half); err != nil {
			return err
		}
	}
	return fmt.Errorf("does not compile: %s: %w\n%s", applied, err, said)
}
