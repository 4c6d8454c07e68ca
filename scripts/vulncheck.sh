#!/usr/bin/env bash
# Looks for advisories that our code calls, with govulncheck and a database of
# advisories that is made here: golang.org/x/vulndb is a module like any other,
# so nothing but the module proxy is asked.
#
# Environment: VULN_VERSION and VULNDB_VERSION, which the Makefile sets.
# Exit code: 0 if nothing is called, or if the proxy can't be reached, which is
# said on standard error; 1 if something is called; 2 if the check itself failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

skip() {
  echo "vulncheck: SKIPPED: $1" >&2
  echo "vulncheck: nobody has looked for advisories. Run \"make vulncheck\" where the module proxy is reachable." >&2
  exit 0
}

cache=$PWD/.cache/vulncheck
mkdir -p "$cache"
database="$cache/db-$VULNDB_VERSION"
checker="$cache/govulncheck-$VULN_VERSION"

if [ ! -e "$database/index/db.json" ]; then
  # Outside this module: its go.mod must not change.
  module=$(cd / && timeout 120 go mod download -json "golang.org/x/vulndb@$VULNDB_VERSION" 2>"$cache/log") ||
    skip "golang.org/x/vulndb $VULNDB_VERSION can't be downloaded ($(tail -n 1 "$cache/log"))"
  advisories=$(sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p' <<<"$module")/data/osv
  [ -d "$advisories" ] || { echo "vulncheck: there is no data/osv in $module" >&2; exit 2; }
  rm -rf "$database" "$cache/bin"
  GOBIN="$cache/bin" timeout 300 go install "golang.org/x/vulndb/cmd/indexdb@$VULNDB_VERSION" 2>"$cache/log" ||
    skip "indexdb can't be built ($(tail -n 1 "$cache/log"))"
  "$cache/bin/indexdb" -vulns "$advisories" -out "$database"
fi
if [ ! -x "$checker" ]; then
  GOBIN="$cache/bin" timeout 300 go install "golang.org/x/vuln/cmd/govulncheck@$VULN_VERSION" 2>"$cache/log" ||
    skip "govulncheck $VULN_VERSION can't be built ($(tail -n 1 "$cache/log"))"
  mv "$cache/bin/govulncheck" "$checker"
fi

image=$(sed -n 's/^FROM golang:\([0-9.]*\).*/go\1/p' Dockerfile)
"$checker" -db "file://$database" -format json ./... >"$cache/findings.json" || {
  echo "vulncheck: govulncheck failed" >&2
  exit 2
}
go run ./scripts/vulncheck "$image" <"$cache/findings.json"
