// Package app is what the commands have in common: reading and checking their configuration, connecting, starting, stopping,
// health and metrics. It wires the pipeline together and does none of its work.
package app

// Version is set by the build.
var Version = "dev"
