//go:build !linux

package standalone

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// signalOnParentDeath does nothing here: only Linux has such a signal. The next start finds the orphan and ends it.
func signalOnParentDeath(*syscall.SysProcAttr, syscall.Signal) {}

// commandLine is the arguments of a live process, cut at blanks. It is empty if the process is gone.
func commandLine(pid int) []string {
	output, err := exec.Command("ps", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return nil
	}
	return strings.Fields(string(output))
}
