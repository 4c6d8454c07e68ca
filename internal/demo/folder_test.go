package demo

import (
	"os"
	"path/filepath"
	"testing"

	"portal-invites/internal/standalone"
)

// Between locking a folder and marking it, another demo has only its lock file there.
func TestOnlyFilesOfOthersMakeAFolderForeign(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files   []string
		foreign bool
	}{
		"an empty folder":                 {},
		"one that a demo is taking":       {files: []string{standalone.LockFile}},
		"one of an earlier demo":          {files: []string{standalone.LockFile, marker, "report.txt"}},
		"one of somebody else":            {files: []string{"report.txt"}, foreign: true},
		"one of somebody else, with lock": {files: []string{standalone.LockFile, "report.txt"}, foreign: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, file := range c.files {
				if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := checkOurs(dir); (err != nil) != c.foreign {
				t.Errorf("with %q, the error is %v", c.files, err)
			}
		})
	}
}
