package main

import (
	"context"
	"errors"
	"fmt"
)

// compileAll applies every patch, and compiles those that the compiler need not find. One compilation takes as many
// patches as apply together, because it costs as much as one patch alone.
func compileAll(ctx context.Context, tree *tree, patches []patch) error {
	var problems []error
	var remaining []mutant
	for i := range patches {
		m := mutant{patch: &patches[i], complete: len(patches[i].places) > 0}
		err := tree.reset(ctx)
		if err == nil {
			err = tree.apply(ctx, m)
		}
		switch {
		case err != nil:
			problems = append(problems, err)
		case patches[i].change.by.kind != byCompiler:
			remaining = append(remaining, m)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return err
	}
	for len(remaining) > 0 {
		applied, rest, err := applyTogether(ctx, tree, remaining)
		if err != nil {
			return err
		}
		if err := vet(ctx, tree, applied); err != nil {
			return err
		}
		remaining = rest
	}
	return nil
}

// applyTogether applies the mutants on top of each other. It returns those that apply and the rest. The first one
// always applies.
func applyTogether(ctx context.Context, tree *tree, mutants []mutant) (applied, rest []mutant, err error) {
	if err := tree.reset(ctx); err != nil {
		return nil, nil, err
	}
	for _, m := range mutants {
		if tree.apply(ctx, m) == nil {
			applied = append(applied, m)
		} else {
			rest = append(rest, m)
		}
	}
	return applied, rest, nil
}

// vet compiles the tree with its tests. If that fails, vet compiles each half of the mutants alone, to find the one
// that does not compile.
func vet(ctx context.Context, tree *tree, applied []mutant) error {
	output, err := command(ctx, tree.dir, "go", "vet", "./...")
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
	return fmt.Errorf("does not compile: %s: %w\n%s", applied, err, output)
}
