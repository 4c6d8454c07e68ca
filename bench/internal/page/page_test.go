package page

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../../.."

// TestThePageAgreesWithTheResults compares docs/performance.md with the committed results in bench/results.
func TestThePageAgreesWithTheResults(t *testing.T) {
	t.Parallel()
	numbers, err := Render(root)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, Path))
	if err != nil {
		t.Fatal(err)
	}
	want, err := replace(page, numbers)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != string(page) {
		t.Errorf("%s has other numbers than %s; `go -C bench run . page` writes them", Path, results)
	}
}

const measured = `# Floors and peers

- goos: linux
- cpus: 2
- began: 2026-11-22T21:59:58Z
- load: 1.24 3.07 3.65

| what | ratio | min – max | wanted | reached |
|---|---:|---:|---:|---|
| sending, against go-mail alone | 0.48 | 0.46 – 0.502 | ≥ 0.8 | no |

| row | by | each | a second | min – max each | further |
|---|---|---:|---:|---:|---|
| sending | pipeline | 747.8µs | 1337 | 603.7µs – 751.4µs | ` +
	`71.1 RSS-MB, 0.00416 WAL-B, all-cpu 1.17ms, whole 11s, outage 1m0s |
| individual | floor | 2.23ms | 449 | 2.22ms – 2.73ms | p50 2.2ms, p99 3.93ms |
| reset | floor | 4.9µs | 204692 | 4.5µs – 5.1µs |  |
`

func TestAResultIsRendered(t *testing.T) {
	t.Parallel()
	r, err := read(measured)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	r.write(&b, "latest")
	for _, want := range []string{
		"Measured on 2026-11-22, on 2 CPUs", "- load: 1.24 3.07 3.65\n",
		"| sending, against go-mail alone | 0.48 | 0.46 – 0.502 | ≥ 0.8 | no |\n",
		"| sending | pipeline | 747.8µs | 1337 | 603.7µs – 751.4µs | " +
			"outage 1m0s, whole 11s |  |  |  | 0.00416 | 71.1 |\n",
		"| individual | floor | 2.23ms | 449 | 2.22ms – 2.73ms |  | 2.2ms | 3.93ms |  |  |  |\n",
		"| reset | floor | 4.9µs | 204692 | 4.5µs – 5.1µs |  |  |  |  |  |  |\n",
		"| sending | pipeline |  |  |  |  |  | 1.17ms |\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &b)
		}
	}
	if strings.Contains(b.String(), "| individual | floor |  |") {
		t.Errorf("a row without CPU times has a line of them:\n%s", &b)
	}
}

func TestAFileThatIsNotAResultIsAnError(t *testing.T) {
	t.Parallel()
	for what, content := range map[string]string{
		"nothing":         "",
		"no numbers":      measured[:strings.Index(measured, "| row |")],
		"a torn line":     strings.Replace(measured, " | no |", " |", 1),
		"no notes at all": measured[strings.Index(measured, "| what |"):],
	} {
		if _, err := read(content); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if _, err := replace([]byte("# Performance\n"), "numbers"); err == nil {
		t.Error("a page without a place for the numbers: no error")
	}
}

func TestUpdateWritesOnlyBetweenTheMarkers(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(file, content string) {
		path := filepath.Join(folder, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(Path, "before\n"+begins+"old\n"+ends+"after\n")
	if err := Update(folder); err == nil {
		t.Error("without results: no error")
	}
	for _, result := range shown {
		write(filepath.Join(results, result[0]+".md"), measured)
	}
	if err := Update(folder); err != nil {
		t.Fatal(err)
	}
	numbers, err := Render(folder)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(folder, Path))
	if err != nil || string(got) != "before\n"+begins+numbers+ends+"after\n" {
		t.Errorf("%v\n%s", err, got)
	}
}
