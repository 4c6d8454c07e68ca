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

version_in() { sed -nE 's/^go version go([0-9.]+).*/\1/p'; }

# The version outside of this module, where no go.mod selects another one.
have=$(cd / && go version | version_in)
[ -n "$have" ] || exit 0 # a development version, which is probably new enough
at_least "$have" "$needed" && exit 0
# A newer one fetches the needed version, unless it may not. Some then fail, and some say their own version.
if at_least "$have" 1.21 && problem=$(go version 2>&1) && at_least "$(version_in <<<"$problem")" "$needed"; then
  exit 0
fi
say "Go $needed or newer is needed, but $found is Go $have: https://go.dev/dl/"
case ${problem:-} in
  '' | 'go version '*) ;; # what it says is no more than its version
  *) say "$problem" ;;
esac
exit 1
