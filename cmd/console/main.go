// Command console is a web page for a firm's office and for operators: who was invited, why others were not, and what
// to do about it. It uses the services over NATS, and nothing else.
package main

import (
	"os"

	"portal-invites/internal/app"
)

const description = `A web page for a firm's office and for operators: who was invited, and why others were not.

It uses the services of the workers over NATS, and has no database. Every setting can be an environment variable or a
flag.

Exit codes: 0 stopped as asked, 1 failed, 2 wrong use or configuration.`

func main() { os.Exit(app.Main("console", description, &app.ConsoleCommand{})) }
