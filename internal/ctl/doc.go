// Package ctl is invitectl: one file for each of its commands. They ask the workers' services (internal/api), also for
// outcomes. Only the outcomes of all firms are read from the stream. So ops need a login at the broker, and no database
// password.
//
// command.go lists the commands. table.go and text.go make what they print fit a terminal.
package ctl
