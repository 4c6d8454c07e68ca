package opstest

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
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

// standIns are commands that the page uses and a machine with nothing but Go and make does not have.
var standIns = map[string]func(args []string) error{"nats": likeNats, "curl": likeCurl}

// TestMain is also each of the stand-ins, where the test binary is called by that name.
func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	if command, ok := standIns[name]; ok {
		if err := command(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, name+": error:", err)
			os.Exit(1)
		}
		return
	}
	testenv.Main(m)
}

// likeCurl does what the page asks of curl: "-s URL" prints what the address answers.
func likeCurl(args []string) error {
	if len(args) != 2 || args[0] != "-s" {
		return fmt.Errorf("this stand-in does not know: %s", strings.Join(args, " "))
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, args[1], nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(os.Stdout, response.Body)
	return err
}

// likeNats does what the page asks of the NATS command line (https://github.com/nats-io/natscli), as it does it: "req --raw
// SUBJECT BODY" prints the answer, "pub SUBJECT -H NAME:VALUE ... BODY" prints nothing here.
func likeNats(args []string) error {
	nc, err := nats.Connect(os.Getenv("NATS_URL"))
	if err != nil {
		return err
	}
	defer nc.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
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

// built is the folder of the commands that the page is about, of the workers, and of the stand-ins. `make clean`
// removes it.
var built = sync.OnceValues(func() (string, error) {
	dir, err := filepath.Abs("../../.cache/opstest")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator),
		"portal-invites/cmd/invitectl", "portal-invites/cmd/publisher", "portal-invites/cmd/standalone", "portal-invites/cmd/invite-worker")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build the commands: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	for name := range standIns {
		link := filepath.Join(dir, name)
		if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
			return "", err
		}
		if err := os.Symlink(self, link); err != nil {
			return "", err
		}
	}
	return dir, nil
})
