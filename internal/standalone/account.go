package standalone

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is the system user that PostgreSQL runs as. The zero value is the user of this process.
type account struct {
	name     string
	uid, gid int
	other    bool
}

// accountFor chooses the account for a cluster: our own, unless we are root, which PostgreSQL refuses. A cluster that
// already has an owner keeps it. So a folder begun by an ordinary user can be started by root, and by the user again.
func accountFor(data string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	info, err := os.Stat(data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return account{}, err
	}
	if err == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 {
			return account{
				name: "number " + strconv.Itoa(int(stat.Uid)), uid: int(stat.Uid), gid: int(stat.Gid), other: true,
			}, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		if found, err := user.Lookup(name); err == nil {
			return accountOf(found)
		}
	}
	return account{}, errors.New("PostgreSQL refuses to run as root, " +
		"and there is neither a user \"postgres\" nor \"nobody\" to run it as: run this as an ordinary user")
}

func accountOf(found *user.User) (account, error) {
	uid, uidErr := strconv.Atoi(found.Uid)
	gid, gidErr := strconv.Atoi(found.Gid)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return account{}, fmt.Errorf("user %s: %w", found.Username, err)
	}
	return account{name: found.Username, uid: uid, gid: gid, other: true}, nil
}

func (a account) credential() *syscall.Credential {
	if !a.other {
		return nil
	}
	return &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
}

// own makes the account the owner of a file or folder.
func (a account) own(path string) error {
	if !a.other {
		return nil
	}
	return os.Chown(path, a.uid, a.gid)
}

// explainDenied explains a bare "permission denied": it names the folder on the path that the account can't pass, and
// what to do about it.
func (a account) explainDenied(err error, paths ...string) error {
	if !a.other || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	for _, path := range paths {
		if closed, mode := a.closedParent(path); closed != "" {
			return fmt.Errorf("PostgreSQL refuses to run as root, so it runs as user %s, "+
				"who can't reach %s because %s is closed to others (%s): "+
				"choose a folder elsewhere (make run DATA=/var/tmp/portal-invites; STANDALONE_DATA), "+
				"or open the way with: chmod o+x %s: %w",
				a.name, path, closed, mode, closed, err)
		}
	}
	return fmt.Errorf("PostgreSQL runs as user %s, who can't reach %v: %w", a.name, paths, err)
}

// closedParent finds the outermost folder on the path that the account can't pass. It reads mode bits only: it explains
// a refusal, it does not decide about one.
func (a account) closedParent(path string) (string, fs.FileMode) {
	parent := filepath.Dir(path)
	if parent != path {
		if closed, mode := a.closedParent(parent); closed != "" {
			return closed, mode
		}
	}
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return "", 0
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", 0
	}
	needed := fs.FileMode(0o001)
	switch {
	case int(stat.Uid) == a.uid:
		needed = 0o100
	case int(stat.Gid) == a.gid:
		needed = 0o010
	}
	if info.Mode()&needed == 0 {
		return path, info.Mode()
	}
	return "", 0
}
