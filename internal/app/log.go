package app

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
)

// Log says how much is logged, and in what form.
type Log struct {
	// Level debug also logs why each thing waits. No level logs mails, links or addresses.
	Level string `name:"log-level" env:"LOG_LEVEL" default:"info" placeholder:"info" group:"Service" help:"debug, info, warn or error."`
	// Format auto writes for people if stderr is a terminal, and JSON otherwise.
	Format string `name:"log-format" env:"LOG_FORMAT" default:"auto" placeholder:"auto" group:"Service" help:"json, console or auto."`
}

func (l Log) check() error {
	var errs []error
	switch l.Level {
	case "debug", "info", "warn", "error":
	default:
		errs = append(errs, errors.New("LOG_LEVEL: must be debug, info, warn or error (example: info)"))
	}
	switch l.Format {
	case "json", "console", "auto":
	default:
		errs = append(errs, errors.New("LOG_FORMAT: must be json, console or auto (example: json)"))
	}
	return errors.Join(errs...)
}

// Logger makes a logger that writes to w.
func (l Log) Logger(w io.Writer) zerolog.Logger {
	file, isFile := w.(*os.File)
	terminal := isFile && isatty.IsTerminal(file.Fd())
	if l.Format == "console" || l.Format == "auto" && terminal {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !terminal || os.Getenv("NO_COLOR") != ""}
	}
	level, err := zerolog.ParseLevel(l.Level)
	if err != nil {
		level = zerolog.InfoLevel
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger()
}
