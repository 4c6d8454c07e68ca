package opstest

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/testenv"
)

// record makes a copy of the page with everything that was printed this time, for whoever changes what is printed. Its
// outputs still want to be shortened by hand.
var record = flag.String("record", "", "write docs/operations.md as it would be with today's outputs to this file")

// TestMain is also the command "nats", where the test binary is called by that name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "nats" {
		if err := likeNats(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "nats: error:", err)
			os.Exit(1)
		}
		return
	}
	testenv.Main(m)
}

// likeNats does what the page asks of the NATS command line (https://github.com/nats-io/natscli), as it does it: "req --raw
// SUBJECT BODY" prints the answer, "pub SUBJECT -H NAME:VALUE ... BODY" prints nothing here.
func likeNats(args []string) error {
	nc, err := nats.Connect(os.Getenv("NATS_URL"))
	if err != nil {
		return err
	}
	defer nc.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	switch {
	case len(args) == 4 && args[0] == "req" && args[1] == "--raw":
		answer, err := nc.RequestWithContext(ctx, args[2], []byte(args[3]))
		if err == nil {
			fmt.Println(string(answer.Data))
		}
		return err
	case len(args) >= 3 && args[0] == "pub":
		msg := &nats.Msg{Subject: args[1], Header: nats.Header{}, Data: []byte(args[len(args)-1])}
		for i := 2; i+2 < len(args); i += 2 {
			name, value, _ := strings.Cut(args[i+1], ":")
			msg.Header[name] = []string{value}
		}
		_, err := nc.RequestMsgWithContext(ctx, msg) // the stream's word that it has it
		return err
	}
	return fmt.Errorf("this stand-in does not know: %s", strings.Join(args, " "))
}

// built is the folder of the commands that the page is about, of the workers, and of the stand-in for nats. `make clean`
// removes it.
var built = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs("../../.cache/opstest")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator),
		"portal-invites/cmd/invitectl", "portal-invites/cmd/publisher", "portal-invites/cmd/standalone")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build the commands: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	link := filepath.Join(dir, "nats")
	if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
		return "", err
	}
	return dir, os.Symlink(self, link)
})
