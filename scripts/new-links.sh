#!/usr/bin/env bash
# Sends a new link to everybody who is invited or active, at every firm: after a
# key of links has leaked (docs/operations.md).
#
# Environment: DATABASE_URL, and what publisher needs to reach the broker.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

psql "$DATABASE_URL" --quiet --tuples-only --no-align --field-separator=' ' --file=deploy/postgres/who-has-a-link.sql |
  while read -r firm data; do
    bin/publisher emit --firm "$firm" --type InviteResendRequested --data "$data" </dev/null
  done
