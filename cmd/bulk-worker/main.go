// Command bulk-worker serves the bulk lane: it turns bulk requests and replays into runs, and sends their mails.
package main

import (
	"os"

	"portal-invites/internal/app"
	"portal-invites/internal/pipeline"
)

const description = `Serves the bulk lane: turns bulk requests and replays into runs, decides them, and sends the mails.

Any number of bulk workers share the work. Every setting can be an environment variable or a flag.

Exit codes: 0 stopped as asked, 1 failed, 2 wrong use, configuration or version.`

func main() {
	os.Exit(app.Main("bulk-worker", description, &app.WorkerCommand{}, app.NewWorker(pipeline.NewBulkWorker)))
}
