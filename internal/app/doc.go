// Package app is what the commands have in common: they read and check the configuration, connect, start, stop, and
// serve health and metrics. It wires the pipeline together and does none of its work.
package app

// Version is set by the build.
var Version = "dev"
