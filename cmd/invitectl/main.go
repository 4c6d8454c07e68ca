// Command invitectl is for ops: it asks the workers who would be invited and why others would not, shows what became of
// invites, and starts replays.
package main

import (
	"os"

	"portal-invites/internal/app"
	"portal-invites/internal/ctl"
)

func main() { os.Exit(app.Main("invitectl", ctl.Description, &ctl.Command{})) }
