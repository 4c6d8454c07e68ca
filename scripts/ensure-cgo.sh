#!/usr/bin/env bash
# Makes sure that Go finds a C compiler, which the race detector needs
# (`go test -race`). The programs themselves are built without one.
#
# Exit code: 0, or 1 if there is no compiler and this user may not install one.
set -euo pipefail

# shellcheck source=scripts/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

compiler=$(go env CC)
# CC may have arguments ("gcc -m64"): its first word is the program.
command -v "${compiler%% *}" >/dev/null 2>&1 && exit 0

manager=$(package_manager)
case $manager in
  apt-get) packages="gcc libc6-dev" ;;
  apk) packages="gcc musl-dev" ;;
  dnf) packages="gcc glibc-devel" ;;
  *) packages="gcc" ;;
esac

if [ -z "$manager" ]; then
  say "The race detector needs a C compiler and '$compiler' was not found. Install one and put it in PATH, or set CC."
  exit 1
fi
if ! may_install "$manager"; then
  say "The race detector needs a C compiler and '$compiler' was not found."
  say "This user may not install packages. Please run, then try again:"
  say ""
  say "    $(install_command "$manager" "$packages")"
  say ""
  exit 1
fi
say "The race detector needs a C compiler: installing $packages with $manager."
# shellcheck disable=SC2086 # two packages, two words
install_packages "$manager" $packages
