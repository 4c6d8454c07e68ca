package testenv

import (
	"os"
	"path/filepath"
	"time"

	"portal-invites/internal/standalone"
)

const folderPrefix = "portal-invites-test-"

// memory is a file system in memory that Linux has, and roomInMemory what must be free there, in bytes: the tests of a package
// write some 150 MB, and those of several packages run at once. Containers often have 64 MB.
const (
	memory       = "/dev/shm"
	roomInMemory = 2 << 30
)

// newFolder is a folder for what is of no use after the tests. It is in memory where there is room: a database is some hundred
// files, and to make and delete them on a disk takes most of the time of many packages.
func newFolder() (string, error) {
	root := os.TempDir()
	if freeSpace(memory) >= roomInMemory {
		root = memory
	}
	return os.MkdirTemp(root, folderPrefix)
}

// removeLeftovers clears the folders of test binaries that were killed. The age
// protects one that was made a moment ago and is not locked yet; the lock, one
// in use. A failure leaves a folder behind, which harms no test.
func removeLeftovers() {
	for _, root := range []string{os.TempDir(), memory} {
		folders, _ := filepath.Glob(filepath.Join(root, folderPrefix+"*"))
		for _, folder := range folders {
			removeLeftover(folder)
		}
	}
}

func removeLeftover(folder string) {
	info, err := os.Stat(folder)
	if err != nil || time.Since(info.ModTime()) < time.Hour {
		return
	}
	lock, err := standalone.LockFolder(folder)
	if err != nil {
		return
	}
	_ = os.RemoveAll(folder)
	_ = lock.Unlock()
}
