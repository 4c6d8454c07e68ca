// Command publisher puts facts and requests on the broker: one event from flags, many from NDJSON, clients and contacts
// from a CSV export. Everything is held against the contract before the first event leaves.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes, as for every command of this project.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

const description = `Publishes facts and requests for portal-invites.

Events travel as CloudEvents on portal.<prefix>.<firm>.<Type>. What does not hold to the contract is refused here, with the
field that is wrong, and does not reach the broker.

Environment, for emit and import (each is a flag as well):

  NATS_URL       addresses of the broker, or NATS_URL_FILE for a file with them
  NATS_CREDS     credentials file, or NATS_CREDS_FILE
  NATS_CA        the authority that signed the broker's certificate
  NATS_REPLICAS  replicas of the streams, where they are created

Exit codes: 0 done, 1 failed or something was refused, 2 wrong use or configuration.`

type cli struct {
	Emit     emitCmd          `cmd:"" help:"Publish one event from flags, or many from NDJSON."`
	Import   importCmd        `cmd:"" help:"Publish clients and contacts from a CSV export."`
	Validate validateCmd      `cmd:"" help:"Check events against the contract, without a broker."`
	Version  kong.VersionFlag `help:"Print the version and exit."`
}

// streams are where a command reads and writes: data goes to out, everything said to a person to err.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// usageError is wrong use or configuration: what was asked for could not be understood or begun.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errReported ends a command that has said already what is wrong.
var errReported = errors.New("reported")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code) //nolint:gocritic // stop has been called
}

func run(ctx context.Context, args []string, s streams) int {
	parser, err := kong.New(&cli{},
		kong.Name("publisher"),
		kong.Description(description),
		kong.Vars{"version": version()},
		kong.Writers(s.out, s.err),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 110}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
	)
	if err != nil {
		return report(s.err, err)
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(s.err, "publisher: %v\nTry publisher --help.\n", err)
		return exitUsage
	}
	return report(s.err, command.Run())
}

func report(w io.Writer, err error) int {
	_, usage := errors.AsType[usageError](err)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errReported):
		return exitFailed
	}
	fmt.Fprintf(w, "publisher: %v\n", err)
	if usage {
		return exitUsage
	}
	return exitFailed
}
