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

// ErrFolderInUse is what LockFolder wraps when another process, or another part
// of this one, holds the folder.
var ErrFolderInUse = errors.New("the folder is in use")

// LockFile is the name of the file in a folder that is locked.
const LockFile = "lock"

// FolderLock keeps a folder to one owner at a time.
type FolderLock struct {
	file *os.File
}

// LockFolder takes the folder's lock or says at once who holds it. It creates
// the folder if there is none.
//
// The lock is flock(2) on the file "lock": the kernel drops it with the last
// descriptor, so it is never left behind by a killed owner, and no child
// inherits it, because Go opens files close-on-exec.
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

// FolderInUse says who holds the folder, or nothing. It creates nothing; that
// a folder is free may change at any time, so LockFolder decides.
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

// sign leaves our process id for the one who is refused to read. The number
// explains and decides nothing: the kernel's lock is the referee.
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

// Unlock gives the folder back. The file stays: removing it would let two later
// owners lock two different files of the same name.
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

// Secret reads the secret called name from the folder, or keeps there what
// generate returns. A later start, and a concurrent one, gets the same value.
//
// The file's mode is 0600. One that others may read is refused, not quietly
// tightened: whoever could read it may have done so, and only a person knows
// whether the secret must be replaced.
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
		return "", fmt.Errorf("secret %s can be read by others (mode %04o): replace it, or run: chmod 600 %s", path, mode, path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	value := strings.TrimSpace(string(content))
	if value == "" {
		return "", fmt.Errorf("secret %s is empty: write the secret into it, or remove the file to have a new one made", path)
	}
	return value, nil
}

// createSecret writes beside the target and links it into place: a crash leaves
// no half secret, and of two creators the first one wins for both.
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
