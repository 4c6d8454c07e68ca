package testenv

import (
	"os"
	"path/filepath"
	"time"

	"portal-invites/internal/standalone"
)

const folderPrefix = "portal-invites-test-"

// memory is Linux's file system in memory. roomInMemory is how much must be free there, in bytes: the tests of a
// package write some 150 MB, and several packages are tested at the same time. Containers often have 64 MB.
const (
	memory       = "/dev/shm"
	roomInMemory = 2 << 30
)

// newFolder makes a folder for files that are of no use after the tests. It is in memory if there is room: a database
// is some hundred files, and making and deleting them on a disk takes most of the time of many packages.
func newFolder() (string, error) {
	root := os.TempDir()
	if freeSpace(memory) >= roomInMemory {
		root = memory
	}
	return os.MkdirTemp(root, folderPrefix)
}

// removeLeftovers removes the folders of test binaries that were killed. It leaves a folder alone that is not old,
// because its lock may not be taken yet, and a folder that is locked, because it is in use. If it fails, a folder is
// left behind, which harms no test.
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
