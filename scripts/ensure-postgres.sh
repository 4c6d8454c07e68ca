#!/usr/bin/env bash
# Makes sure that PostgreSQL's server programs (postgres, initdb) are on this
# machine, installs them if not, and prints their folder.
#
# The tests, the demo and `standalone` start private servers from these programs,
# on free ports and in separate folders. No system-wide server is needed, and
# none is created or started.
#
# Standard output: the folder, one line. Standard error: everything else.
# Exit code: 0, or 1 if there is no PostgreSQL and this user may not install it.
set -euo pipefail

readonly minimum=14

# shellcheck source=scripts/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

# candidates lists the folders to search. `postgres` in PATH may be a symbolic
# link into a folder that has initdb, too, so the link is followed.
candidates() {
  local found
  if found=$(command -v postgres); then
    dirname "$(readlink -f "$found")"
    dirname "$found"
  fi
  if command -v pg_config >/dev/null 2>&1; then pg_config --bindir; fi
  # Debian and Ubuntu; PGDG on Fedora and RHEL; Alpine. Newest version first.
  printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql*/ | sort -rV
  if command -v brew >/dev/null 2>&1; then
    # Versioned formulae are keg-only: not in PATH.
    printf '%s\n' "$(brew --prefix)"/opt/postgresql*/bin | sort -rV
  fi
}

# version prints the major version of the PostgreSQL in a folder, or nothing.
version() {
  "$1/postgres" --version 2>/dev/null | sed -nE 's/^postgres \(PostgreSQL\) ([0-9]+).*/\1/p'
}

# find_postgres prints the first folder with both programs in a usable version.
# It mentions a version that is too old, so that nobody wonders why it is not
# used.
find_postgres() {
  local dir major
  while read -r dir; do
    [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] || continue
    major=$(version "$dir")
    if [ -n "$major" ] && [ "$major" -ge "$minimum" ]; then
      printf '%s\n' "${dir%/}"
      return 0
    fi
    say "PostgreSQL ${major:-of an unknown version} in $dir is too old: version $minimum or newer is needed."
  done < <(candidates | awk '!seen[$0]++')
  return 1
}

# package prints the name of the package with the server programs.
package() {
  case $1 in
    dnf) echo postgresql-server ;;
    brew) echo postgresql@17 ;;
    *) echo postgresql ;;
  esac
}

# without_cluster runs a command while a setting keeps Debian's packages from
# creating and starting a system-wide "main" server. The setting is in a drop-in
# file that is removed afterwards, so that later installations behave as usual.
without_cluster() {
  local dropin=/etc/postgresql-common/createcluster.d/portal-invites-build.conf
  as_root mkdir -p "${dropin%/*}"
  # The name is expanded now, since the local variable is gone at exit.
  # shellcheck disable=SC2064
  trap "as_root rm -f '$dropin'" EXIT
  echo "create_main_cluster = false" | as_root tee "$dropin" >/dev/null
  "$@"
}

install_postgres() {
  local manager name
  manager=$(package_manager)
  if [ -z "$manager" ]; then
    say "PostgreSQL's server programs (postgres, initdb; version $minimum or newer) were not found,"
    say "and this machine has none of apt-get, dnf, apk, pacman, brew. Install them and put their folder in PATH."
    return 1
  fi
  name=$(package "$manager")
  if ! may_install "$manager"; then
    say "PostgreSQL's server programs (postgres, initdb; version $minimum or newer) were not found."
    say "This user may not install packages. Please run, then try again:"
    say ""
    say "    $(install_command "$manager" "$name")"
    say ""
    return 1
  fi
  say "PostgreSQL's server programs were not found: installing the package $name with $manager (no server is started)."
  if [ "$manager" = apt-get ]; then
    without_cluster install_packages "$manager" "$name"
  else
    install_packages "$manager" "$name"
  fi
}

if ! find_postgres; then
  install_postgres
  if ! find_postgres; then
    say "The installation ended without PostgreSQL $minimum or newer. See https://www.postgresql.org/download/"
    exit 1
  fi
fi
