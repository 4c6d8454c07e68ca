#!/usr/bin/env bash
# Makes sure that spin is on this machine, and installs it if not. `make model`
# needs it and a C compiler: spin checks a model of docs/model by writing a C
# program, which looks at every state of the model.
#
# Exit code: 0, or 1 if one of the two is missing and this user may not install
# it. Nothing is skipped: a model that was not checked is a failure.
set -euo pipefail

# shellcheck source=scripts/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

has() { command -v "$1" >/dev/null 2>&1; }

# packages prints the names of the packages that are missing.
packages() {
  local manager=$1
  if ! has spin; then echo spin; fi
  if ! has cc; then
    case $manager in
      apt-get) echo "gcc libc6-dev" ;;
      apk) echo "gcc musl-dev" ;;
      *) echo gcc ;;
    esac
  fi
}

install_spin() {
  local manager missing
  manager=$(package_manager)
  missing=$(packages "$manager" | xargs)
  if [ -z "$manager" ]; then
    say "The models of docs/model need $missing, and this machine has none of apt-get, dnf, apk, pacman, brew."
    say "Install them and put them in PATH. Spin's source is at https://spinroot.com/"
    return 1
  fi
  if ! may_install "$manager"; then
    say "The models of docs/model need $missing. This user may not install packages. Please run, then try again:"
    say ""
    say "    $(install_command "$manager" "$missing")"
    say ""
    return 1
  fi
  say "The models of docs/model need $missing: installing with $manager."
  # shellcheck disable=SC2086 # several packages, several words
  install_packages "$manager" $missing
}

if ! has spin || ! has cc; then
  install_spin
  if ! has spin || ! has cc; then
    say "The installation ended without spin or cc. Spin's source is at https://spinroot.com/"
    exit 1
  fi
fi
