#!/usr/bin/env bash
# Makes sure that a Chromium is on this machine, installs one if not, and prints
# its path. The tests of the console open its pages in it.
#
# Standard output: the path, one line, or nothing if there is none and this user
# may not install it. The tests then skip what needs a browser, and say so; under
# CI (the variable CI is set) that is a failure.
# Exit code: 0, or 1 in CI without a browser.
set -euo pipefail

# shellcheck source=scripts/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

find_chromium() {
  local name
  for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome-stable google-chrome chrome; do
    if [ -n "$name" ] && command -v "$name" 2>/dev/null; then return 0; fi
  done
  name="/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
  if [ -x "$name" ]; then printf '%s\n' "$name"; return 0; fi
  return 1
}

give_up() {
  say "$1"
  if [ -n "${CI:-}" ]; then
    say "CI must not skip the tests in a browser."
    exit 1
  fi
  say "The tests that need a browser are SKIPPED."
  exit 0
}

if find_chromium; then exit 0; fi
manager=$(package_manager)
if [ -z "$manager" ]; then
  give_up "Chromium was not found, and this machine has none of apt-get, dnf, apk, pacman, brew."
fi
if ! may_install "$manager"; then
  give_up "Chromium was not found, and this user may not install it. Please run: $(install_command "$manager" chromium)"
fi
say "Chromium was not found: installing the package chromium with $manager."
install_packages "$manager" chromium || true
find_chromium || give_up "The installation ended without Chromium."
