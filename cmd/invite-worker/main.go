// Command invite-worker serves the individual lane: it decides requests for named recipients and sends the mails.
package main

import (
	"os"

	"portal-invites/internal/app"
	"portal-invites/internal/pipeline"
)

const description = `Serves the individual lane: decides requests for named recipients, and sends the mails.

Any number of invite workers share the work. Every setting can be an environment variable or a flag.

Exit codes: 0 stopped as asked, 1 failed, 2 wrong use, configuration or version.`

func main() {
	os.Exit(app.Main("invite-worker", description, &app.WorkerCommand{}, app.NewWorker(pipeline.NewInviteWorker)))
}
