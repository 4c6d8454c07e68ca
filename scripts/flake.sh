#!/usr/bin/env bash
# Finds tests that fail now and then: runs the packages that depend on time again
# and again, at a load of twice the number of processors.
#
#   scripts/flake.sh 20          20 times
#   scripts/flake.sh 3 -race     3 times with the race detector
#
# Arguments after the number are passed to `go test -c`. PACKAGES replaces the
# packages below. Each package runs alone, so that no other package causes its
# failures. The output of a failed run stays in .cache/flake. `make test` and CI
# do not run this, since it takes hours.
#
# Exit codes: 0 no failure, 1 at least one, 2 wrong use.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

times=${1:-}
case $times in
  '' | *[!0-9]* | 0) echo "usage: scripts/flake.sh TIMES [flags of go test -c]" >&2; exit 2 ;;
esac
shift

scripts/check-go.sh
folder=$(scripts/ensure-postgres.sh)
export PATH="$folder:$PATH" GOFLAGS="${GOFLAGS:-} -buildvcs=false"

# The packages below internal/pipeline run, too.
packages=()
while read -r package; do packages+=("$package"); done < <(
  if [ -n "${PACKAGES:-}" ]; then
    # shellcheck disable=SC2086 # several words
    go list $PACKAGES
  else
    go list ./internal/pipeline/... ./internal/api ./internal/ctl ./internal/store ./internal/events \
      ./internal/standalone ./cmd/standalone ./internal/systemtest ./internal/opstest
  fi
)

processors=$(getconf _NPROCESSORS_ONLN)
load=()
stop_load() { [ "${#load[@]}" -eq 0 ] || kill "${load[@]}" 2>/dev/null || true; }
trap stop_load EXIT
for _ in $(seq $((2 * processors))); do
  while :; do :; done &
  load+=("$!")
done

out=$PWD/.cache/flake
mkdir -p "$out"
failures=0
for package in "${packages[@]}"; do
  name=${package##*portal-invites/}
  binary=$out/${name//\//-}.test
  go test -c -o "$binary" "$@" "$package"
  [ -e "$binary" ] || continue # it has no tests
  failed=0
  for run in $(seq "$times"); do
    log=$out/${name//\//-}.$run.log
    if (cd "$name" && "$binary" -test.timeout 60m >"$log" 2>&1); then
      rm -f "$log"
    else
      failed=$((failed + 1))
      echo "  $name, run $run: $log"
      grep -E '^\s*--- FAIL' "$log" | head -n 5 || true
    fi
  done
  echo "$name: $failed of $times failed"
  failures=$((failures + failed))
done
[ "$failures" -eq 0 ]
