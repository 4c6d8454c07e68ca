package standalone

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

func signalOnParentDeath(attr *syscall.SysProcAttr, signal syscall.Signal) {
	attr.Pdeathsig = signal
}

// commandLine is the arguments of a live process. It is empty if the process is gone, and for a zombie, which holds
// nothing any more.
func commandLine(pid int) []string {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return nil
	}
	return strings.FieldsFunc(string(content), func(r rune) bool { return r == 0 })
}
