#!/bin/sh
# Goes through the checks of a support desk for somebody who got no portal invite. It creates a small firm for that, and shows
# each command with its output:
#
#   1. the contact is not Primary
#   2. the business has only "Other" contacts
#   3. the email is in use by a contact who has access
#   4. an individual invite, to see the error at once
#   5. fix, and run it again
#   6. a mail that was sent comes back: correct the address, and one replay reaches it
#
# It needs running workers, and only the commands publisher and invitectl. NATS_URL names the broker (nats://127.0.0.1:4222 if
# not set). BIN names the folder of the two commands if they are not in PATH. FIRM is a firm id that is not in use yet.
#
# Exit codes: 0 everything went as expected, 1 something did not, or a command failed.
set -u

PATH=${BIN:+$BIN:}$PATH
FIRM=${FIRM:-desk-$(date +%s)}
PATIENCE=30 # how many seconds the workers may take

for command in publisher invitectl; do
  command -v "$command" >/dev/null || { echo "$command is not in PATH: build it, or set BIN to its folder" >&2; exit 1; }
done

fail() {
  echo "NOT AS EXPECTED: $*" >&2
  exit 1
}

say() { printf '\n# %s\n' "$*"; }

# show prints a command in a form that can be typed.
show() {
  line='$'
  for word in "$@"; do
    case $word in
      *[!A-Za-z0-9_./:=@,-]*) line="$line '$word'" ;;
      *) line="$line $word" ;;
    esac
  done
  printf '%s\n' "$line"
}

# run shows a command, runs it, prints its output, and keeps the output in $out.
run() {
  show "$@"
  out=$("$@" 2>&1)
  code=$?
  printf '%s\n\n' "$out"
  [ "$code" -eq 0 ] || fail "exit code $code of: $*"
}

# flat prints $out in one line, since a line break may be within a phrase.
flat() { printf '%s' "$out" | tr -s '[:space:]' ' '; }

expect() {
  for phrase in "$@"; do
    case $(flat) in
      *"$phrase"*) ;;
      *) fail "it does not say: $phrase" ;;
    esac
  done
}

# await runs a command until it prints a phrase, and then shows it.
await() {
  phrase=$1
  shift
  until=$(($(date +%s) + PATIENCE))
  while :; do
    out=$("$@" 2>&1)
    case $(flat) in
      *"$phrase"*) break ;;
    esac
    [ "$(date +%s)" -lt "$until" ] || { show "$@"; printf '%s\n' "$out"; fail "within $PATIENCE s it does not say: $phrase"; }
    sleep 0.2 2>/dev/null || sleep 1 # not every sleep accepts fractions
  done
  run "$@"
}

emit() { run publisher emit --firm "$FIRM" --source troubleshooting --type "$@"; }
contact() { emit ContactUpserted --data "{\"contact_id\": \"$1\", \"name\": \"$2\", \"email\": \"$3\"}"; }
client() { emit ClientUpserted --data "{\"client_id\": \"$1\", \"kind\": \"$2\", \"name\": \"$3\", \"contacts\": [$4]}"; }
invite() { emit InviteRequested --id "$1" --data "{\"client_id\": \"$2\", \"recipients\": [{\"contact_id\": \"$3\"}], \"requested_by\": \"Support\"}"; }
bulk() { emit BulkInviteRequested --id "$1" --data '{"mode": "invite", "selection": {"all_clients": true}, "requested_by": "Support"}'; }

say "A firm with each of the cases"
emit FirmUpserted --data '{"name": "First CPA", "portal_url": "https://portal.first-cpa.example"}'
contact P-1 'Ada Li' ada@first.example
contact P-2 'Dana Wu' dana@first.example
contact P-3 'Sam Oak' sam@first.example
contact P-4 'Kim Lee' family@first.example
contact P-5 'Jo Lee' Family@First.example
client C-1 business 'Blue Bottle LLC' '{"contact_id": "P-1", "primary": true}, {"contact_id": "P-2", "primary": false}'
client C-2 business 'Red Barn Inc' '{"contact_id": "P-3", "primary": false}'
client C-3 individual 'Kim Lee' '{"contact_id": "P-4", "primary": true}'
client C-4 individual 'Jo Lee' '{"contact_id": "P-5", "primary": true}'
emit PortalAccessGranted --data '{"client_id": "C-3", "contact_id": "P-4", "granted_at": "2026-01-05T15:00:00Z"}'

say "A bulk invite, after which somebody asks: why did these people get nothing?"
bulk bulk-1
await completed invitectl runs --firm "$FIRM"
expect 'completed 5 1 4 0' # selected, sent, skipped, failed

say "1. The contact is not Primary"
run invitectl status --firm "$FIRM" --client C-1 --contact P-2
expect 'no invite sent' contact_not_primary 'Mark Dana Wu as Primary on Blue Bottle LLC, or send an individual invite'

say '2. The business has only "Other" contacts'
run invitectl status --firm "$FIRM" --client C-2
expect 'no invite sent' no_primary_contact 'Mark Sam Oak as Primary on Red Barn Inc, or send an individual invite'

say "3. The email is in use by a contact who has access (capitals make no difference)"
run invitectl status --firm "$FIRM" --client C-4
expect 'no invite sent' email_shared 'Kim Lee' 'Give Jo Lee an email of their own'
run invitectl status --firm "$FIRM" --email family@first.example
expect 'P-4 Kim Lee on C-3 Kim Lee: last login on January 5, 2026' 'P-5 Jo Lee on C-4 Jo Lee: no invite sent'

say "4. An individual invite, to see the error at once: first explained, then requested"
run invitectl explain --firm "$FIRM" --client C-4 --contact P-5
expect 'Of 1 contact 0 would be invited' email_shared
invite individual-1 C-4 P-5
await 'InviteRequested individual-1' invitectl status --firm "$FIRM" --client C-4 --contact P-5
expect 'outcome skipped: email_shared'

say "An individual invite does not need a Primary contact: Dana Wu gets hers"
run invitectl explain --firm "$FIRM" --client C-1 --contact P-2
expect 'Of 1 contact 1 would be invited'
invite individual-2 C-1 P-2
await 'outcome sent' invitectl status --firm "$FIRM" --client C-1 --contact P-2
expect 'P-2 Dana Wu on C-1 Blue Bottle LLC: invited'

say "5. Fix: Sam Oak becomes Primary, and Jo Lee gets an email of her own"
client C-2 business 'Red Barn Inc' '{"contact_id": "P-3", "primary": true}'
contact P-5 'Jo Lee' jo@first.example

say "Run it again: first without sending (the fixes may take a moment to arrive)"
await '2 would be sent now' invitectl replay --firm "$FIRM" --dry-run
expect 'Of 4 invites that did not go out' 'P-3 Sam Oak' 'P-5 Jo Lee'
run invitectl replay --firm "$FIRM" --wait --timeout "${PATIENCE}s" --requested-by Support
expect '4 selected = 2 sent + 2 skipped + 0 failed + 0 pending'
run invitectl status --firm "$FIRM" --contact P-3
expect 'Red Barn Inc: invited'
run invitectl status --firm "$FIRM" --contact P-5
expect 'Jo Lee: invited'

say "Or run the bulk invite again: everybody has what they should, and nobody gets a second mail"
bulk bulk-2
await 'invite completed 5 0 5 0' invitectl runs --firm "$FIRM"
run invitectl outcomes --firm "$FIRM" --type InviteSent
[ "$(printf '%s\n' "$out" | grep -c ' sent ')" -eq 4 ] || fail "not four mails: Ada Li, Dana Wu, Sam Oak and Jo Lee"

say "6. Dana Wu's mail comes back: her provider says that nobody has the mailbox"
mail=$(invitectl outcomes --firm "$FIRM" --type InviteSent -o json | grep '"P-2"' | sed 's/.*"message_id":"\([^"]*\)".*/\1/')
emit MailReported --data "{\"kind\": \"bounced\", \"message_id\": \"$mail\", \"email\": \"dana@first.example\", \"code\": \"550 5.1.1\", \"said\": \"User unknown\", \"at\": \"$(date -u +%Y-%m-%dT%H:%M:%SZ)\", \"reporter\": \"provider\"}"
await 'came back' invitectl outcomes --firm "$FIRM" --type InviteFailed
run invitectl status --firm "$FIRM" --client C-1 --contact P-2
expect 'came back' 'User unknown' 'Ask Dana Wu for a working address and enter it'

say "The address is corrected, and one replay reaches it"
contact P-2 'Dana Wu' dana.wu@first.example
await '1 would be sent now' invitectl replay --firm "$FIRM" --dry-run
run invitectl replay --firm "$FIRM" --wait --timeout "${PATIENCE}s" --requested-by Support
expect '= 1 sent +' '+ 0 failed + 0 pending'
await 'outcome sent' invitectl status --firm "$FIRM" --client C-1 --contact P-2
expect 'P-2 Dana Wu on C-1 Blue Bottle LLC: invited' 'd•••@first.example'

say "Everything went as expected."
