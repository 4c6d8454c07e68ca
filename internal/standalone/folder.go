package standalone

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ErrFolderInUse means that another process, or another part of this one, has locked the folder. LockFolder wraps it.
var ErrFolderInUse = errors.New("the folder is in use")

// LockFile is the name of the locked file in a folder.
const LockFile = "lock"

// FolderLock gives a folder one owner at a time.
type FolderLock struct {
	file *os.File
}

// LockFolder locks the folder, or says at once who has locked it. It creates the folder if there is none.
//
// The lock is flock(2) on the file "lock". The kernel drops it with the last descriptor, so a killed owner never leaves
// it behind. No child inherits it, because Go opens files close-on-exec.
func LockFolder(dir string) (*FolderLock, error) {
	if dir == "" {
		return nil, errors.New("lock folder: the folder's path is empty")
	}
	//nolint:gosec // G301: passable, not listable: PostgreSQL may run as another user, in a folder of its own below.
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("create folder: %w", err)
	}
	path := filepath.Join(dir, LockFile)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of folder %s: %w", dir, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder := holderOf(path)
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s is held by %s; stop that one, or choose another folder", ErrFolderInUse, dir, holder)
		}
		return nil, fmt.Errorf("lock folder %s: %w", dir, err)
	}
	lock := &FolderLock{file: file}
	if err := lock.sign(); err != nil {
		_ = lock.Unlock()
		return nil, err
	}
	return lock, nil
}

// FolderInUse returns an error that says who has locked the folder, or nil. It creates nothing. The folder may be
// locked at any later time, so only LockFolder decides.
func FolderInUse(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, LockFile)); err != nil {
		return nil //nolint:nilerr // nobody has locked it yet
	}
	lock, err := LockFolder(dir)
	if err != nil {
		return err
	}
	return lock.Unlock()
}

// sign writes our process id for whoever is refused later. The number only explains; the kernel's lock decides.
func (l *FolderLock) sign() error {
	err := l.file.Truncate(0)
	if err == nil {
		_, err = l.file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", l.file.Name(), err)
	}
	return nil
}

// Unlock unlocks the folder. The file stays: if it were removed, two later owners could lock two different files of the
// same name.
func (l *FolderLock) Unlock() error {
	if err := l.file.Close(); err != nil {
		return fmt.Errorf("unlock %s: %w", l.file.Name(), err)
	}
	return nil
}

func holderOf(lockPath string) string {
	content, err := os.ReadFile(lockPath)
	pid := strings.TrimSpace(string(content))
	if err != nil || pid == "" {
		return "another process"
	}
	return "process " + pid
}

// Secret reads the secret called name from the folder, or stores there what generate returns. A later start, and a
// concurrent one, gets the same value.
//
// The file's mode is 0600. A file that others can read is refused, and not quietly tightened: somebody may have read it
// already, and only a person knows whether the secret must be replaced.
func Secret(dir, name string, generate func() string) (string, error) {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return "", fmt.Errorf("secret: the name %q is not a plain file name", name)
	}
	//nolint:gosec // G301: as in LockFolder.
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return "", fmt.Errorf("create the folder of secrets: %w", err)
	}
	path := filepath.Join(dir, name)
	value, err := readSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return value, err
	}
	if err := createSecret(path, generate()); err != nil {
		return "", err
	}
	return readSecret(path)
}

func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("secret %s can be read by others (mode %04o): replace it, or run: chmod 600 %s",
			path, mode, path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	value := strings.TrimSpace(string(content))
	if value == "" {
		return "", fmt.Errorf("secret %s is empty: write the secret into it, or remove the file to get a new one", path)
	}
	return value, nil
}

// createSecret writes a temporary file and links it to its name: a crash leaves no half a secret, and if two processes
// create one, both get the first one's.
func createSecret(path, value string) error {
	if strings.TrimSpace(value) == "" {
		return fmt.Errorf("create secret %s: the generated value is empty", path)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // CreateTemp's mode is 0600.
	if err != nil {
		return fmt.Errorf("create secret: %w", err)
	}
	defer func() { _ = os.Remove(temp.Name()) }()
	_, err = temp.WriteString(value + "\n")
	if err == nil {
		err = temp.Sync()
	}
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Link(temp.Name(), path)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create secret %s: %w", path, err)
	}
	return nil
}
