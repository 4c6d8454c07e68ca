package testenv

import "syscall"

// freeSpace returns how many bytes can be written below a folder, or 0 if there is no such folder.
func freeSpace(dir string) uint64 {
	var fs syscall.Statfs_t
	if syscall.Statfs(dir, &fs) != nil {
		return 0
	}
	return fs.Bavail * uint64(fs.Bsize)
}
