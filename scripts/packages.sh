# The ensure-*.sh scripts source this file. It installs packages with the package
# manager that this machine has. All messages go to standard error, because a
# caller may read a script's standard output.

say() { printf '%s\n' "$*" >&2; }

# package_manager prints the name of the first package manager found.
package_manager() {
  local name
  for name in apt-get dnf apk pacman brew; do
    if command -v "$name" >/dev/null 2>&1; then
      printf '%s\n' "$name"
      return
    fi
  done
}

# as_root runs a command with root's rights. It never asks for a password: a
# prompt would hang CI, and would surprise a person who only wanted a demo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# may_install says whether this user can install packages without a password.
may_install() {
  [ "$1" = brew ] || [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null
}

# install_command prints the command with which a person can do the same as
# install_packages.
install_command() {
  local manager=$1
  shift
  case $manager in
    apt-get) echo "sudo apt-get update && sudo apt-get install --no-install-recommends -y $*" ;;
    dnf) echo "sudo dnf install -y $*" ;;
    apk) echo "sudo apk add $*" ;;
    pacman) echo "sudo pacman -S --needed --noconfirm $*" ;;
    brew) echo "brew install $*" ;;
  esac
}

# quietly runs a command and shows its output only if it fails: two hundred lines
# of a package manager would hide the message that matters.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if [ "$status" -ne 0 ]; then
    cat "$log" >&2
    say "failed (exit code $status): $*"
  fi
  rm -f "$log"
  return "$status"
}

# install_packages MANAGER PACKAGE... installs packages.
install_packages() {
  local manager=$1
  shift
  case $manager in
    apt-get)
      # The update fails if a single third-party repository is away. The old lists
      # may still work.
      quietly as_root apt-get -q update || say "Continuing with the old package lists."
      # Another apt may have the lock (unattended upgrades right after a boot), so
      # wait for it.
      quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
      ;;
    dnf) quietly as_root dnf -q -y install "$@" ;;
    apk) quietly as_root apk add --quiet --no-cache "$@" ;;
    pacman) quietly as_root pacman -S --needed --noconfirm "$@" ;;
    brew) quietly brew install --quiet "$@" ;;
  esac
}
