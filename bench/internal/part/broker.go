package part

import (
	"context"
	"io"

	"github.com/rs/zerolog"

	"portal-invites/internal/standalone"
)

type broker struct {
	Dir  string `required:"" help:"Folder of the streams."`
	Sync string `required:"" enum:"always,default" help:"When to sync to disk: after every write, or every two minutes."`
}

// Run is called by kong.
func (b broker) Run(ctx context.Context, out io.Writer) error {
	config := standalone.BrokerConfig{Dir: b.Dir, Ephemeral: b.Sync == "default"}
	server, err := standalone.StartBroker(config, zerolog.Nop())
	if err != nil {
		return err
	}
	defer server.Stop()
	ready(out, server.URL())
	untilStopped(ctx)
	return nil
}
