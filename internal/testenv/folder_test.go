package testenv

import (
	"os"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/standalone"
)

func TestFoldersAreInMemoryIfThereIsRoom(t *testing.T) {
	t.Parallel()
	dir, err := newFolder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if inMemory, room := strings.HasPrefix(dir, memory+"/"), freeSpace(memory) >= roomInMemory; inMemory != room {
		t.Errorf("%s; there is room in %s: %v", dir, memory, room)
	}
	if n := freeSpace("/none/such"); n != 0 {
		t.Errorf("%d bytes are free in a folder that does not exist", n)
	}
}

// A folder that a killed test binary left is removed. A folder that is in use, or was made a moment ago, is not.
func TestOnlyOldUnusedFoldersAreRemoved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		age   time.Duration
		inUse bool
		gone  bool
	}{
		"old":            {age: 2 * time.Hour, gone: true},
		"new":            {},
		"old and in use": {age: 2 * time.Hour, inUse: true},
	} {
		dir := t.TempDir()
		if c.inUse {
			lock, err := standalone.LockFolder(dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = lock.Unlock() })
		}
		then := time.Now().Add(-c.age)
		if err := os.Chtimes(dir, then, then); err != nil {
			t.Fatal(err)
		}
		removeLeftover(dir)
		if _, err := os.Stat(dir); os.IsNotExist(err) != c.gone {
			t.Errorf("%s: gone is %v, want %v", name, err != nil, c.gone)
		}
	}
}
