// Package opstest holds docs/operations.md and scripts/troubleshooting.sh to what the commands really print. It has tests only.
package opstest
