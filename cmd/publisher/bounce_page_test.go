package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"portal-invites/internal/app"
	"portal-invites/internal/bounce"
)

var console = regexp.MustCompile("(?s)```console\n\\$ publisher ([^\n]+)\n(.*?)```\n")

// TestBouncesPage runs the page's commands on the reports of internal/bounce, and compares their output with the page.
func TestBouncesPage(t *testing.T) {
	t.Parallel()
	examples := console.FindAllStringSubmatch(bouncesPage(t), -1)
	if len(examples) == 0 {
		t.Fatal("the page shows no command")
	}
	for _, example := range examples {
		args := strings.Fields(example[1])
		folder := filepath.Join("..", "..", "internal", "bounce", "testdata") + string(filepath.Separator)
		for i, arg := range args {
			if strings.HasSuffix(arg, ".eml") {
				args[i] = folder + arg
			}
		}
		var out bytes.Buffer
		code := app.Run(t.Context(), "publisher", description, &cli{}, args, app.Streams{Out: &out, Err: &out})
		if got := strings.ReplaceAll(out.String(), folder, ""); code != 0 || got != example[2] {
			t.Errorf("publisher %s: exit code %d\n%s", example[1], code, got)
		}
	}
}

// TestBouncesPageHasEveryReason compares the page's table with the code.
func TestBouncesPageHasEveryReason(t *testing.T) {
	t.Parallel()
	rows := map[string]string{}
	form := regexp.MustCompile("(?m)^\\| `(\\w+)` \\|.*\\| ([^|]+) \\|$")
	for _, row := range form.FindAllStringSubmatch(bouncesPage(t), -1) {
		rows[row[1]] = row[2]
	}
	for _, r := range bounce.Reasons() {
		want := "left alone"
		switch {
		case r.Suppresses():
			want = "**suppressed**, cause `" + bounce.Finding{Reason: r}.Cause() + "`"
		case r.WantsAttention():
			want = "needs a person"
		case r.Fails():
			want = "reported"
		}
		if rows[string(r)] != want {
			t.Errorf("%s: the page says %q, want %q", r, rows[string(r)], want)
		}
	}
}

func bouncesPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/bounces.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}
