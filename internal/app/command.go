package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// The exit codes of every command.
const (
	ExitOK     = 0
	ExitFailed = 1
	ExitUsage  = 2
	ExitWaits  = 3 // what was asked for goes on
)

// UsageError says that the flags or the configuration are wrong, or that a worker's version does not fit the database.
// A command that returns one at its start has changed nothing.
type UsageError struct{ Err error }

func (u UsageError) Error() string { return u.Err.Error() }
func (u UsageError) Unwrap() error { return u.Err }

// Usagef makes a UsageError.
func Usagef(format string, args ...any) error { return UsageError{fmt.Errorf(format, args...)} }

// ErrReported ends a command that has already printed what is wrong.
var ErrReported = errors.New("reported")

// ErrWaits ends a command that has said what goes on without it.
var ErrWaits = errors.New("waits")

// Streams are what a command reads and writes. Data goes to Out, messages for people go to Err.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs a command of the process and returns its exit code. The first interrupt asks it to stop; a second one kills
// it.
func Main(name, description string, cli any, bindings ...any) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return Run(ctx, name, description, cli, os.Args[1:], Streams{os.Stdin, os.Stdout, os.Stderr}, bindings...)
}

// Run parses the arguments into cli, a struct for kong, and runs the command they name. The command's Run method may
// take a context, the Streams and the bindings.
func Run(ctx context.Context, name, description string, cli any, args []string, s Streams, bindings ...any) int {
	parser, err := kong.New(cli,
		kong.Name(name),
		kong.Description(description),
		kong.Vars{"version": Version},
		kong.Writers(s.Out, s.Err),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 110}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(append(bindings, s)...),
	)
	if err != nil {
		return report(s.Err, name, err)
	}
	for _, line := range misspelt(parser, os.Environ()) {
		fmt.Fprintf(s.Err, "%s: %s\n", name, line)
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(s.Err, "%s: %s\nTry %s --help.\n", name, nameVariable(parser, err), name)
		return ExitUsage
	}
	return report(s.Err, name, command.Run())
}

func report(w io.Writer, name string, err error) int {
	_, usage := errors.AsType[UsageError](err)
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, ErrReported):
		return ExitFailed
	case errors.Is(err, ErrWaits):
		return ExitWaits
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintf(w, "%s: %s\n", name, line)
	}
	if usage {
		return ExitUsage
	}
	return ExitFailed
}

var flagPattern = regexp.MustCompile(`--([a-z-]+)`)

// nameVariable adds the environment variable of the flag to a parse error: the wrong value usually comes from there.
func nameVariable(parser *kong.Kong, err error) string {
	text := err.Error()
	match := flagPattern.FindStringSubmatch(text)
	if match == nil {
		return text
	}
	var named string
	_ = kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok && flag.Name == match[1] && len(flag.Envs) > 0 {
			named = flag.Envs[0] + ": " + text
			if flag.PlaceHolder != "" {
				named += " (example: " + flag.PlaceHolder + ")"
			}
		}
		return next(nil)
	})
	if named != "" {
		return named
	}
	return text
}

// Secret is the given value, or the content of the file that NAME_FILE names.
func Secret(name, value string) (string, error) {
	path := os.Getenv(name + "_FILE")
	switch {
	case path == "":
		return value, nil
	case value != "":
		return "", fmt.Errorf("%s: is set, and so is %s_FILE; use one of them", name, name)
	}
	content, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return "", fmt.Errorf("%s_FILE: %w", name, err)
	}
	return strings.TrimSpace(string(content)), nil
}

// secrets are the settings that can also come from a file, named by the same variable with _FILE.
var secrets = []string{
	"NATS_URL", "NATS_CREDS", "NATS_NKEY", "DATABASE_URL", "SMTP_PASSWORD", "SMTP_DKIM_KEY", "INVITE_LINK_KEY",
	"CONSOLE_OIDC_CLIENT_SECRET", "MAIL_PROOF_KEY",
}

// ForgetEnvironment removes from the environment every variable that a flag of the command reads, every secret's file,
// and PostgreSQL's own variables. It is for a command that must not use them. kong must not have read them yet.
func ForgetEnvironment(command *kong.Application) error {
	var errs []error
	forget := func(name string) { errs = append(errs, os.Unsetenv(name)) }
	for _, name := range secrets {
		forget(name + "_FILE")
	}
	for _, flags := range command.AllFlags(false) {
		for _, flag := range flags {
			for _, name := range flag.Envs {
				forget(name)
			}
		}
	}
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "PG") {
			forget(name)
		}
	}
	return errors.Join(errs...)
}
