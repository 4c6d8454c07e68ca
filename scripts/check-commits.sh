#!/usr/bin/env bash
# Fails if the subject of a commit is too long: many programs cut it at 72
# characters. Older commits than the rule, and merges, whose subjects git makes,
# are left out. A shallow or detached clone is checked as far as it goes.
# Without git, or without a history, there is nothing to check, and it says so.
#
#   scripts/check-commits.sh
#
# SINCE names another day than the rule's, for example SINCE=yesterday.
#
# Exit codes: 0 all subjects are short enough, or nothing to check; 1 one is not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

limit=72
since=${SINCE:-2026-11-27T02:30:00Z}

if ! commits=$(git log --no-merges --since="$since" --format='%h %s' 2>&1); then
  echo "SKIPPED: the subjects of commits are not checked, because git says: $commits" >&2
  exit 0
fi

failed=0
while read -r commit subject; do
  # Characters: bytes without those that only continue one in UTF-8.
  length=$(printf %s "$subject" | LC_ALL=C tr -d '\200-\277' | wc -c)
  if [ "$length" -ge "$limit" ]; then
    echo "$commit: the subject has $((length)) characters, and must have fewer than $limit: $subject" >&2
    failed=1
  fi
done <<<"$commits"

if [ "$failed" = 1 ]; then
  echo "Shorten it with: git commit --amend, or for older commits: git rebase -i" >&2
fi
exit "$failed"
