package standalone

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ErrNoPostgres says that this machine has no PostgreSQL server programs, and how to install them.
var ErrNoPostgres = errors.New(`no PostgreSQL server programs (initdb and postgres) on this machine. Install them:
  Debian, Ubuntu:  apt-get install postgresql
  Fedora, RHEL:    dnf install postgresql-server
  Alpine:          apk add postgresql
  macOS:           brew install postgresql
or set DATABASE_URL to a server that you have`)

// Folders outside PATH where packages put the server programs, since several versions may be installed side by side.
var binaryPatterns = []string{
	"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                   // PostgreSQL's own RPMs
	"/usr/libexec/postgresql*",                           // Alpine
	"/opt/homebrew/opt/postgresql*/bin",                  // Homebrew on Apple silicon
	"/usr/local/opt/postgresql*/bin",                     // Homebrew on Intel
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",     // Homebrew on Linux
	"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
}

// findBinaries returns the folder of initdb and postgres. For existing data (major above 0) it must be the same major
// version: no other can read it.
func findBinaries(ctx context.Context, major int) (string, error) {
	return chooseBinaries(ctx, binaryDirs(ctx), major)
}

// Program returns the path of one of PostgreSQL's other programs, such as pg_basebackup. It is beside the server's.
func Program(ctx context.Context, name string) (string, error) {
	dir, err := findBinaries(ctx, 0)
	if err != nil {
		return "", err
	}
	if path := filepath.Join(dir, name); executable(path) {
		return path, nil
	}
	return "", fmt.Errorf("%s has no program %s", dir, name)
}

func chooseBinaries(ctx context.Context, dirs []string, major int) (string, error) {
	var found []string
	for _, dir := range dirs {
		if !executable(filepath.Join(dir, "initdb")) || !executable(filepath.Join(dir, "postgres")) {
			continue
		}
		if major == 0 {
			return dir, nil
		}
		has, err := majorVersion(ctx, filepath.Join(dir, "postgres"))
		if err == nil && has == major {
			return dir, nil
		}
		found = append(found, fmt.Sprintf("%d in %s", has, dir))
	}
	if len(found) == 0 {
		return "", ErrNoPostgres
	}
	return "", fmt.Errorf("the data was written by PostgreSQL %d, and this machine has only %s: "+
		"install version %d, or start with another folder",
		major, strings.Join(found, ", "), major)
}

// binaryDirs lists the candidates, best first: PATH, then what pg_config says, then the package folders, newest version
// first.
func binaryDirs(ctx context.Context) []string {
	var dirs []string
	for _, name := range []string{"initdb", "postgres"} {
		if path, err := exec.LookPath(name); err == nil {
			dirs = append(dirs, realDir(path))
		}
	}
	if output, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(output)))
	}
	for _, pattern := range binaryPatterns {
		matches, _ := filepath.Glob(pattern) // The only error is a malformed pattern.
		slices.SortStableFunc(matches, func(a, b string) int { return numberIn(b) - numberIn(a) })
		dirs = append(dirs, matches...)
	}
	return slices.Compact(dirs)
}

// realDir follows a link in PATH to the folder with the other programs: initdb starts the postgres in its own folder.
func realDir(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	return filepath.Dir(path)
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

var (
	digits       = regexp.MustCompile(`\d+`)
	majorPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)
)

func numberIn(path string) int {
	number, _ := strconv.Atoi(digits.FindString(path)) // No number sorts last.
	return number
}

func majorVersion(ctx context.Context, postgres string) (int, error) {
	output, err := exec.CommandContext(ctx, postgres, "--version").Output()
	if err != nil {
		return 0, fmt.Errorf("%s --version: %w", postgres, err)
	}
	match := majorPattern.FindSubmatch(output)
	if match == nil {
		return 0, fmt.Errorf("%s --version says %q", postgres, output)
	}
	return strconv.Atoi(string(match[1]))
}
