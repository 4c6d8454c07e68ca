// Command bulk-worker serves the bulk lane: it turns bulk requests into runs and delivers their mails.
package main

import (
	"os"

	"portal-invites/internal/app"
	"portal-invites/internal/pipeline"
)

const description = `Serves the bulk lane: turns bulk requests into runs, walks them, and delivers what they decide.

Any number of them share the work. Every setting can be an environment variable or a flag.

Exit codes: 0 stopped as asked, 1 failed, 2 wrong use or configuration.`

func main() {
	os.Exit(app.Main("bulk-worker", description, &app.WorkerCommand{}, app.NewWorker(pipeline.NewBulkWorker)))
}
