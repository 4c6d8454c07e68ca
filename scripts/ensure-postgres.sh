#!/usr/bin/env bash
# Makes sure that PostgreSQL's server programs (postgres, initdb) are on this
# machine, installs them if they are not, and prints the folder they are in.
#
# The tests, the demo and `standalone` start private servers of their own from
# these programs, on free ports, in folders of their own. No system-wide server
# is needed, and none is created or started.
#
# Standard output: the folder, one line. Standard error: everything else.
# Exit code: 0, or 1 if there is none and this user may not install it.
set -euo pipefail

readonly minimum=14

# shellcheck source=scripts/packages.sh
. "$(dirname "${BASH_SOURCE[0]}")/packages.sh"

# candidates lists the folders to look in. `postgres` in PATH may be a symbolic
# link into a folder that holds initdb too, so the link is followed.
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

# version prints a folder's major version, and nothing where there is none.
version() {
  "$1/postgres" --version 2>/dev/null | sed -nE 's/^postgres \(PostgreSQL\) ([0-9]+).*/\1/p'
}

# find_postgres prints the first folder with both programs in a usable version.
# One that is too old is mentioned, so that nobody wonders why it is not used.
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

# package prints the package that holds the server programs.
package() {
  case $1 in
    dnf) echo postgresql-server ;;
    brew) echo postgresql@17 ;;
    *) echo postgresql ;;
  esac
}

# without_cluster runs a command while Debian's packages are told not to create
# and start a system-wide "main" server, as they otherwise do on installation.
# The setting goes into a drop-in and away again: whoever wants such a server
# later gets Debian's usual behaviour.
without_cluster() {
  local dropin=/etc/postgresql-common/createcluster.d/portal-invites-build.conf
  as_root mkdir -p "${dropin%/*}"
  # Expanded now, for at exit the local name is gone.
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
