// Package opstest compares docs/operations.md and scripts/troubleshooting.sh with what the commands really print. It
// has tests only.
package opstest
