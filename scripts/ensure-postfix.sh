#!/usr/bin/env bash
# Makes sure that Postfix's programs are on this machine, and installs them if
# not. Only `make postfix-test` needs them: its test starts a private Postfix on
# loopback, with its configuration, queue and mailboxes in a temporary folder. No
# system-wide mail server is configured or started.
#
# Exit code: 0, or 1 if there is no Postfix and this user may not install it.
set -euo pipefail

# shellcheck source=scripts/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

# found also looks into sbin, which Debian has only in root's PATH.
found() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v postfix >/dev/null; }

# unconfigured tells Debian's package to write no configuration, so that it
# starts nothing. By default it would make this machine an "Internet Site".
unconfigured() {
  command -v debconf-set-selections >/dev/null || return 0
  echo "postfix postfix/main_mailer_type select No configuration" | as_root debconf-set-selections
}

install_postfix() {
  local manager
  manager=$(package_manager)
  if [ -z "$manager" ] || ! may_install "$manager"; then
    say "Postfix was not found, and this user may not install packages. Please run, then try again:"
    say ""
    say "    $(install_command "${manager:-apt-get}" postfix)"
    say ""
    return 1
  fi
  say "Postfix was not found: installing the package postfix with $manager (no server is configured or started)."
  if [ "$manager" = apt-get ]; then unconfigured; fi
  install_packages "$manager" postfix
}

found || install_postfix
found || { say "The installation ended without Postfix. See https://www.postfix.org/"; exit 1; }
