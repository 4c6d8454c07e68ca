// Command vulncheck judges what govulncheck has found. Its argument is the release of Go that the image is built with.
//
//	govulncheck -format json ./... | go run ./scripts/vulncheck go1.26.11
//
// Advisories that our code calls are listed, and make it fail. An advisory about Go's own packages that this release
// has mended is only listed: a machine may have an older Go, and the image has not.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 || !version.IsValid(os.Args[1]) {
		fmt.Fprintln(os.Stderr, "usage: govulncheck -format json ./... | vulncheck go1.26.11")
		os.Exit(2)
	}
	found, err := judge(os.Stdin, os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "vulncheck: can't read what govulncheck says:", err)
		os.Exit(2)
	}
	for _, line := range found.mended {
		fmt.Fprintln(os.Stdout, "mended in the image:", line)
	}
	for _, line := range found.open {
		fmt.Fprintln(os.Stdout, "CALLED:", line)
	}
	fmt.Fprintf(os.Stdout, "vulncheck: %d advisories are called, and %d more that the image's Go has mended\n",
		len(found.open), len(found.mended))
	if len(found.open) > 0 {
		os.Exit(1)
	}
}

// findings are advisories that our code calls, a line for each.
type findings struct{ open, mended []string }

// message is a part of govulncheck's stream (golang.org/x/vuln/internal/govulncheck).
type message struct {
	OSV *struct {
		ID, Summary string
	}
	Finding *struct {
		OSV          string
		FixedVersion string `json:"fixed_version"`
		Trace        []struct{ Module, Version, Package, Function string }
	}
}

func judge(from io.Reader, image string) (findings, error) {
	summaries, open, mended := map[string]string{}, map[string]string{}, map[string]string{}
	stream := json.NewDecoder(from)
	for {
		var m message
		err := stream.Decode(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return findings{}, err
		}
		switch f := m.Finding; {
		case m.OSV != nil:
			summaries[m.OSV.ID] = m.OSV.Summary
		case f == nil || len(f.Trace) == 0 || f.Trace[0].Function == "":
			// It is imported or required, and nothing calls it.
		case f.Trace[0].Module == "stdlib" && isMended(f.FixedVersion, image):
			mended[f.OSV] = line(f.Trace[0].Module, f.Trace[0].Version, f.FixedVersion)
		default:
			open[f.OSV] = line(f.Trace[0].Module, f.Trace[0].Version, f.FixedVersion)
		}
	}
	return findings{listed(open, summaries), listed(mended, summaries)}, nil
}

func isMended(fixed, image string) bool {
	fixed = "go" + strings.TrimPrefix(fixed, "v")
	return version.IsValid(fixed) && version.Compare(fixed, image) <= 0
}

func line(module, has, fixed string) string {
	if fixed == "" {
		fixed = "no release"
	}
	return fmt.Sprintf("%s %s, mended in %s", module, has, fixed)
}

func listed(found, summaries map[string]string) (list []string) {
	for _, id := range slices.Sorted(maps.Keys(found)) {
		list = append(list, fmt.Sprintf("%s: %s (%s)", id, summaries[id], found[id]))
	}
	return list
}
