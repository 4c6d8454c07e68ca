package main

import (
	"slices"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	const stream = `
{"config": {"scanner_name": "govulncheck"}}
{"osv": {"id": "GO-1", "summary": "One"}}
{"osv": {"id": "GO-2", "summary": "Two"}}
{"osv": {"id": "GO-3", "summary": "Three"}}
{"osv": {"id": "GO-4", "summary": "Four"}}
{"finding": {"osv": "GO-1", "fixed_version": "v1.26.10", "trace": [
	{"module": "stdlib", "version": "v1.26.8", "package": "net/http"}]}}
{"finding": {"osv": "GO-1", "fixed_version": "v1.26.10", "trace": [
	{"module": "stdlib", "version": "v1.26.8", "package": "net/http", "function": "Serve"}]}}
{"finding": {"osv": "GO-2", "fixed_version": "v1.26.12", "trace": [
	{"module": "stdlib", "version": "v1.26.8", "package": "net/url", "function": "Parse"}]}}
{"finding": {"osv": "GO-3", "fixed_version": "v1.2.3", "trace": [
	{"module": "example.com/m", "version": "v1.2.0", "package": "example.com/m", "function": "F"}]}}
{"finding": {"osv": "GO-4", "trace": [{"module": "example.com/n", "version": "v1.0.0"}]}}`
	got, err := judge(strings.NewReader(stream), "go1.26.11")
	if err != nil {
		t.Fatal(err)
	}
	open := []string{
		"GO-2: Two (stdlib v1.26.8, mended in v1.26.12)", "GO-3: Three (example.com/m v1.2.0, mended in v1.2.3)",
	}
	if !slices.Equal(got.open, open) {
		t.Errorf("open %q, want %q", got.open, open)
	}
	if mended := []string{"GO-1: One (stdlib v1.26.8, mended in v1.26.10)"}; !slices.Equal(got.mended, mended) {
		t.Errorf("mended %q, want %q", got.mended, mended)
	}
	if _, err := judge(strings.NewReader(`{"finding": `), "go1.26.11"); err == nil {
		t.Error("a stream that breaks off is taken for a whole one")
	}
}
