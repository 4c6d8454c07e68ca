// Command publisher publishes facts and requests: one event from flags, many from NDJSON, clients and contacts from a
// CSV export, and suppressions from delivery reports. It checks all events against the contract before it publishes the
// first one.
package main

import (
	"os"

	"github.com/alecthomas/kong"

	"portal-invites/internal/app"
)

const description = `Publishes facts and requests for portal-invites.

Events are published as CloudEvents on portal.<prefix>.<firm>.<Type>. An event that does not follow the contract is
refused, with the field that is wrong, and does not reach the broker.

Environment, for emit, import and bounce (each is a flag as well):

` + app.BrokerVariables + `  NATS_REPLICAS        replicas of the streams, if they have to be created
  NATS_TOPOLOGY        check: create no streams

Exit codes: 0 done, 1 failed or something was refused, 2 wrong use or configuration, 3 emit --wait: something waits.`

type cli struct {
	Emit     emitCmd          `cmd:"" help:"Publish one event from flags, or many from NDJSON."`
	Import   importCmd        `cmd:"" help:"Publish clients and contacts from a CSV export."`
	Bounce   bounceCmd        `cmd:"" help:"Turn delivery reports into EmailSuppressed events."`
	Validate validateCmd      `cmd:"" help:"Check events against the contract, without a broker."`
	Version  kong.VersionFlag `help:"Print the version and exit."`
}

func main() { os.Exit(app.Main("publisher", description, &cli{})) }
