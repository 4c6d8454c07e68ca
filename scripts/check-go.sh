#!/usr/bin/env bash
# Makes sure that there is a Go that can build this repository, and says what is
# needed if not. It installs none: no package manager can be counted on to have
# one that is new enough.
#
# Go 1.21 and newer fetch the version that go.mod names by themselves, through
# the module proxy, unless GOTOOLCHAIN forbids it. Older ones only call go.mod
# invalid.
#
# Exit code: 0, or 1 if there is none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*" >&2; }

needed=$(sed -n 's/^go //p' go.mod)

if ! found=$(command -v go); then
  say "Go $needed or newer is needed, and there is no go in PATH: https://go.dev/dl/"
  exit 1
fi
# at_least VERSION MINIMUM
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

# As it is outside of this module, where go.mod asks for nothing.
have=$(cd / && go version | sed -nE 's/^go version go([0-9.]+).*/\1/p')
[ -n "$have" ] || exit 0 # a development version: it knows best
at_least "$have" "$needed" && exit 0
if at_least "$have" 1.21 && problem=$(go version 2>&1); then
  exit 0 # it has fetched the one that is needed
fi
say "Go $needed or newer is needed, and $found is Go $have: https://go.dev/dl/"
[ -z "${problem:-}" ] || say "$problem"
exit 1
