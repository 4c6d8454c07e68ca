#!/usr/bin/env bash
# Checks that the Go in PATH can build this repository, and says what is needed
# if it can't. It does not install Go, since few package managers have a version
# that is new enough.
#
# Go 1.21 and newer fetch the version that go.mod names from the module proxy,
# unless GOTOOLCHAIN forbids it. Older versions only report that go.mod is
# invalid.
#
# Exit code: 0, or 1 if there is no such Go.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*" >&2; }

needed=$(sed -n 's/^go //p' go.mod)

if ! found=$(command -v go); then
  say "Go $needed or newer is needed, but there is no go in PATH: https://go.dev/dl/"
  exit 1
fi
# at_least VERSION MINIMUM
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

# The version outside of this module, where no go.mod selects another one.
have=$(cd / && go version | sed -nE 's/^go version go([0-9.]+).*/\1/p')
[ -n "$have" ] || exit 0 # a development version, which is probably new enough
at_least "$have" "$needed" && exit 0
if at_least "$have" 1.21 && problem=$(go version 2>&1); then
  exit 0 # it has fetched the needed version
fi
say "Go $needed or newer is needed, but $found is Go $have: https://go.dev/dl/"
[ -z "${problem:-}" ] || say "$problem"
exit 1
