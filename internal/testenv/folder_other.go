//go:build !linux

package testenv

// freeSpace returns 0: other systems have no file system in memory at this path.
func freeSpace(string) uint64 { return 0 }
