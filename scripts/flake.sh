#!/usr/bin/env bash
# Looks for tests that fail now and then: runs the packages with time in them
# again and again, at a load of twice the processors.
#
#   scripts/flake.sh 20          20 times
#   scripts/flake.sh 3 -race     3 times with the race detector
#
# What follows the number goes to `go test -c`. PACKAGES names others than the
# ones below. Each package runs by itself, so that a failure is its own; what it
# printed stays in .cache/flake. `make test` and the pipeline do not run this:
# it takes hours.
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

# pipeline stands for what lies below it as well.
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
