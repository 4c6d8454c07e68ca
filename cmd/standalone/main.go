// Command standalone is the whole pipeline in one process: broker, database, mail catcher and both workers.
package main

import (
	"context"
	"os"

	"github.com/alecthomas/kong"

	"portal-invites/internal/app"
	"portal-invites/internal/demo"
)

const description = `The whole pipeline in one process: broker, private PostgreSQL, mail catcher and both workers.

With NATS_URL, DATABASE_URL or SMTP_HOST, it uses that server instead. Every setting can be an environment variable or a
flag.

Exit codes: 0 stopped as asked, 1 failed, 2 wrong use, configuration or version.`

type cli struct {
	app.Standalone
	Serve   serve            `cmd:"" default:"1" help:"Run until stopped (the default)."`
	Demo    demo.Command     `cmd:"" help:"Send an example firm's invites, show what became of each, and stop."`
	Version kong.VersionFlag `help:"Print the version and exit."`
}

type serve struct{}

// Run is called by kong.
func (serve) Run(ctx context.Context, s app.Streams, c *cli) error {
	return c.Standalone.Serve(ctx, s.Err, func(running app.Standalone, parts *app.Parts) error {
		parts.Describe(s.Out, running)
		return nil
	})
}

func main() { os.Exit(app.Main("standalone", description, &cli{})) }
