# Sourced by the ensure-*.sh scripts: installing a package with whatever
# package manager this machine has. Everything said goes to standard error,
# because a caller may read a script's standard output.

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
# prompt would hang a pipeline, and surprise a person who only asked for a demo.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# may_install says whether this user can install packages without a password.
may_install() {
  [ "$1" = brew ] || [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null
}

# install_command prints, for a person to run, what install_packages would do.
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

# quietly runs a command without its output, unless it fails: a package
# manager's two hundred lines would bury the one that matters.
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

# install_packages installs "$@" with the manager named first.
install_packages() {
  local manager=$1
  shift
  case $manager in
    apt-get)
      # Outdated lists are worth a try: one third-party repository that is away
      # makes the whole update fail.
      quietly as_root apt-get -q update || say "Going on with the package lists at hand."
      # Another apt may hold the lock (unattended upgrades right after a boot):
      # wait for it rather than fail.
      quietly as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"
      ;;
    dnf) quietly as_root dnf -q -y install "$@" ;;
    apk) quietly as_root apk add --quiet --no-cache "$@" ;;
    pacman) quietly as_root pacman -S --needed --noconfirm "$@" ;;
    brew) quietly brew install --quiet "$@" ;;
  esac
}
