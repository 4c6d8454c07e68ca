#!/usr/bin/env bash
# Unpacks Exim and OpenSMTPD side by side into a folder, and prints the folder.
# Debian's packages of mail servers conflict with each other, so they can't be
# installed beside Postfix. `make postfix-test` starts each of them in a mount
# namespace of its own, so nothing outside the folder changes.
#
# Exit code: 0, or 1 where this is no Debian or the packages can't be had.
set -euo pipefail

dir=$PWD/.cache/mail-servers
command -v apt-get >/dev/null && command -v dpkg >/dev/null || { echo "Exim and OpenSMTPD: only tried on Debian" >&2; exit 1; }
if [ ! -e "$dir/unpacked" ]; then
  mkdir -p "$dir/packages"
  (
    cd "$dir/packages"
    apt-get download exim4-daemon-light opensmtpd libidn12 libevent-2.1-7 >/dev/null 2>&1
  ) || { echo "Exim and OpenSMTPD: the packages can't be downloaded; run apt-get update first" >&2; exit 1; }
  for package in "$dir"/packages/*.deb; do dpkg -x "$package" "$dir"; done
  touch "$dir/unpacked"
fi
echo "$dir"
