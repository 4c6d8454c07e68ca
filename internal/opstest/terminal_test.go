package opstest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// shells are the shells in which the pages are tried if they are installed, with the flags to ignore a person's own
// settings.
var shells = map[string][]string{"bash": {"--norc", "--noprofile"}, "zsh": {"-f"}}

// inEachShell runs a test in each shell of this machine.
func inEachShell(t *testing.T, test func(t *testing.T, shell string)) {
	t.Helper()
	for shell := range shells {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(shell); err != nil {
				t.Skip(err)
			}
			test(t, shell)
		})
	}
}

// terminal is a shell that somebody types into.
type terminal struct {
	t      *testing.T
	in     io.Writer
	out    *bufio.Reader
	exited int // of the last command, for echo $?
}

func openTerminal(t *testing.T, shell, dir string, env []string) *terminal {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	cmd := exec.CommandContext(ctx, shell, append(shells[shell], "-s")...)
	cmd.Dir, cmd.Env = dir, env
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
	})
	return &terminal{t: t, in: in, out: bufio.NewReader(out)}
}

const endOfCommand = "==== end of command, exit code"

// run types a command and returns what it prints. What the command leaves behind (a folder, a variable) is there for
// the next one.
func (x *terminal) run(command string) (out string, code int) {
	x.t.Helper()
	fmt.Fprintf(x.in, "(exit %d)\n%s\nprintf '\\n%s %%d\\n' $?\n", x.exited, command, endOfCommand)
	var printed strings.Builder
	for {
		line, err := x.out.ReadString('\n')
		if err != nil {
			x.t.Fatalf("the shell ended during: %s\n%s%s", command, &printed, line)
		}
		if text, found := strings.CutPrefix(line, endOfCommand); found {
			if code, err = strconv.Atoi(strings.TrimSpace(text)); err != nil {
				x.t.Fatal(err)
			}
			return strings.TrimSuffix(printed.String(), "\n"), code
		}
		printed.WriteString(line)
	}
}
