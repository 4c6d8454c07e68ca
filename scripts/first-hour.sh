#!/usr/bin/env bash
# Goes through a newcomer's first hour, step by step, on a bare Debian with only
# Go, git and make. A step names the test in CI that checks the same, if there is
# one. The other steps are checked only here.
#
#   scripts/first-hour.sh          as root: makes a bare Debian with debootstrap
#                                  in a temporary folder, copies this checkout
#                                  and Go there, and runs the steps in a chroot
#   scripts/first-hour.sh --here   as root, on a disposable machine: adds a user
#                                  and installs packages
#
# It takes some minutes and needs the network. The ports 4222, 1025, 8025 and 8080
# must be free, since a chroot does not separate them. With --here, HTTP_ADDR and
# the variables STANDALONE_... choose other ports.
#
# Exit codes: 0 every step went as it should, 1 a step did not, 2 wrong use.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*"; }
fail() {
  say "NOT AS IT SHOULD BE: $*" >&2
  [ ! -e /tmp/step.log ] || tail -n 40 /tmp/step.log >&2
  exit 1
}

[ "$(id -u)" -eq 0 ] || { say "as root, please" >&2; exit 2; }

in_a_chroot() {
  command -v debootstrap >/dev/null || { say "debootstrap is needed (apt-get install debootstrap), or --here in a container" >&2; exit 2; }
  local root
  root=$(mktemp -d)
  chmod 755 "$root"
  # shellcheck disable=SC2064 # expanded now, since the local variable is gone at exit
  trap "umount '$root/proc' '$root/dev' 2>/dev/null || true; rm -rf --one-file-system '$root'" EXIT
  say "Making a bare Debian in $root"
  debootstrap --variant=minbase --include=ca-certificates,curl,git,make,zsh stable "$root" >/dev/null
  mount -t proc proc "$root/proc"
  mount --bind /dev "$root/dev"
  cp /etc/resolv.conf "$root/etc/resolv.conf"
  # This machine may reach the network by a proxy with a certificate of its own.
  local own=/usr/local/share/ca-certificates
  if compgen -G "$own/*.crt" >/dev/null; then
    cp "$own"/*.crt "$root$own/"
    chroot "$root" update-ca-certificates >/dev/null 2>&1
  fi
  cp -r "$(go env GOROOT)" "$root/usr/local/go"
  # A clone has only committed files: a newcomer has no caches and no binaries.
  git clone --quiet "$checkout" "$root/srv/portal-invites"
  local code=0
  chroot "$root" /usr/bin/env -i PATH=/usr/local/go/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
    GOPROXY="$(go env GOPROXY)" /srv/portal-invites/scripts/first-hour.sh --here || code=$?
  exit "$code"
}

case ${1:-} in
  --here) ;;
  '') in_a_chroot ;;
  *) say "usage: scripts/first-hour.sh [--here]" >&2; exit 2 ;;
esac

# The rest runs on the bare machine.

step() { printf '\n== %s\n' "$1"; : >/tmp/step.log; }

# try runs a command and keeps its output.
try() { "$@" >/tmp/step.log 2>&1; }
says() { grep -qF -- "$1" /tmp/step.log || fail "it does not say: $1"; }

# by_user runs a line in a shell as the newcomer, in their checkout.
by_user() {
  setpriv --reuid newcomer --regid newcomer --init-groups env HOME=/home/newcomer USER=newcomer \
    bash -c "cd ~/portal-invites && $1"
}

# up starts a pipeline that stays up, in a separate process group, and waits until it prints that it is up. stop ends it.
up() {
  : >/tmp/step.log # what the last one said does not count
  setsid bash -c "$(declare -f by_user); $1" >/tmp/step.log 2>&1 &
  running=$!
  for _ in $(seq 300); do
    if grep -q 'Ctrl-C stops all of it' /tmp/step.log; then return; fi
    kill -0 "$running" 2>/dev/null || fail "make run ended by itself"
    sleep 1
  done
  fail "not up within five minutes"
}
stop() {
  kill -TERM -- -"$running"
  wait "$running" || true
  running=
}
trap '[ -z "${running:-}" ] || kill -TERM -- -"$running" 2>/dev/null || true' EXIT

id newcomer >/dev/null 2>&1 || useradd --create-home --shell /bin/bash newcomer
rm -rf /home/newcomer/portal-invites
cp -r "$checkout" /home/newcomer/portal-invites
chown -R newcomer: /home/newcomer/portal-invites

if ! command -v postgres >/dev/null && ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; then
  step "Without PostgreSQL and rights to install it, make demo fails before it compiles  [CI: deploytest TestMakeDemoLooksForPostgresFirst]"
  try by_user 'make demo' && fail "make demo works without PostgreSQL"
  says "postgresql"
  says "apt-get install"
  [ ! -e /home/newcomer/portal-invites/bin ] || fail "make demo has compiled first"
fi

step "make demo, as root, in a user's checkout: installs PostgreSQL, and builds a checkout that git does not trust  [CI: make demo]"
cd /home/newcomer/portal-invites
try make demo || fail "exit code $?"
says "What next?"
says "make run"
# awk counts bytes, so remove the accents and drawn lines, which have several bytes each.
awk '/^Starting a broker/ { on = 1 } on { gsub(/[^\x01-\x7f]/, ""); if (length($0) > 80) { print; bad = 1 } } END { exit bad }' /tmp/step.log ||
  fail "lines of more than 80 columns"
rm -rf bin

step "make demo again, as a user, and two demos at the same time  [CI: standalone TestDemosBesideEachOther]"
try by_user 'make demo && (make demo & make demo; wait)' || fail "exit code $?"

step "make run, and the README's commands as soon as it is up, in bash and zsh  [CI: opstest TestReadme]"
try by_user 'go install github.com/nats-io/natscli/nats@latest' || fail "the NATS command line does not install"
for shell in bash zsh; do
  command -v "$shell" >/dev/null || continue
  [ -z "${running:-}" ] || stop
  rm -rf /home/newcomer/portal-invites/data # each shell's hour begins with nobody invited
  up "by_user 'make run'"
  awk '/^## A first event/ { on = 1 } /^## How it flows/ { on = 0 } on && /^```sh/ { code = 1; n++; next } /^```/ { code = 0 } on && code && n > 1' \
    README.md >/tmp/readme.sh
  by_user "NATS_URL=nats://127.0.0.1:${STANDALONE_NATS_PORT:-4222} PATH=\$HOME/go/bin:\$PATH $shell /tmp/readme.sh" >/tmp/readme.log 2>&1 ||
    { cat /tmp/readme.log >&2; fail "in $shell"; }
  grep -qE ' sent +C-1 +P-1 ' /tmp/readme.log || { cat /tmp/readme.log >&2; fail "the first invite was not sent in $shell"; }
done

step "make run twice: the second says that the folder is in use  [CI: standalone TestUpMeansUp]"
cp /tmp/step.log /tmp/first.log
try by_user 'make run' && fail "a second pipeline runs on the same folder"
says "the folder is in use"

step "make demo beside make run"
try by_user 'make demo' || fail "exit code $?"

step "NATS_URL left in the shell  [CI: standalone TestNothingIsTouchedBeforeAllIsChecked]"
try by_user 'NATS_URL=nats://127.0.0.1:1 make run DATA=/tmp/elsewhere' && fail "a pipeline without a broker runs"
says "unset NATS_URL"
[ ! -e /tmp/elsewhere ] || fail "it has created its folder"
stop

step "A path with spaces  [CI: deploytest TestMakeWorksInAPathWithSpaces]"
mkdir -p "/home/newcomer/my projects"
cp -r /home/newcomer/portal-invites "/home/newcomer/my projects/portal-invites"
chown -R newcomer: "/home/newcomer/my projects"
try by_user 'cd "../my projects/portal-invites" && make demo && make vet' || fail "exit code $?"

step "root's home, which PostgreSQL's user can't read  [CI: deploytest TestMakeRunTakesAFolder]"
chmod 700 /root
rm -rf /root/portal-invites
cp -r "$checkout" /root/portal-invites
cd /root/portal-invites
try make run && fail "it runs below /root"
says "DATA="
up "make run DATA=/var/tmp/portal-invites"
stop

step "Debian's own Go is too old  [CI: deploytest TestAGoThatIsTooOldIsNamed]"
if apt-get -q -y install --no-install-recommends golang-go >/tmp/step.log 2>&1 && [ -x /usr/lib/go/bin/go ]; then
  try env PATH=/usr/lib/go/bin:/usr/bin:/bin GOTOOLCHAIN=local make build && fail "it builds"
  says "https://go.dev/dl/"
fi

say
say "Every step went as it should."
