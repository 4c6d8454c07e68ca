#!/bin/sh
# Publishes a firm (raw-cpa), a contact, a client and the request to invite the contact. It needs only the NATS command line
# (https://github.com/nats-io/natscli). Set NATS_URL if the broker is not at nats://127.0.0.1:4222.
set -eu

# An event's source and id are its identity: two events with the same pair are the same event. So each run has its own ids.
now=$(date +%s)

# Facts come first: a request is decided with every fact that is before it in the stream.
nats pub portal.facts.raw-cpa.FirmUpserted --jetstream \
  -H 'ce-specversion:1.0' \
  -H "ce-id:1-$now" \
  -H 'ce-source:examples/raw' \
  -H 'ce-type:portal.FirmUpserted.v1' \
  -H "ce-time:$(date -u +%FT%TZ)" \
  -H 'content-type:application/json' \
  -H "Nats-Msg-Id:raw-cpa/examples/raw/1-$now" \
  '{"name": "Raw CPA", "portal_url": "https://portal.raw-cpa.example"}'

nats pub portal.facts.raw-cpa.ContactUpserted --jetstream \
  -H 'ce-specversion:1.0' \
  -H "ce-id:2-$now" \
  -H 'ce-source:examples/raw' \
  -H 'ce-type:portal.ContactUpserted.v1' \
  -H "ce-time:$(date -u +%FT%TZ)" \
  -H 'content-type:application/json' \
  -H "Nats-Msg-Id:raw-cpa/examples/raw/2-$now" \
  '{"contact_id": "P-1", "name": "Dana Wu", "email": "dana.wu@bluebottle.example"}'

nats pub portal.facts.raw-cpa.ClientUpserted --jetstream \
  -H 'ce-specversion:1.0' \
  -H "ce-id:3-$now" \
  -H 'ce-source:examples/raw' \
  -H 'ce-type:portal.ClientUpserted.v1' \
  -H "ce-time:$(date -u +%FT%TZ)" \
  -H 'content-type:application/json' \
  -H "Nats-Msg-Id:raw-cpa/examples/raw/3-$now" \
  '{"client_id": "C-1", "kind": "business", "name": "Blue Bottle LLC", "contacts": [{"contact_id": "P-1", "primary": true}]}'

nats pub portal.events.raw-cpa.InviteRequested --jetstream \
  -H 'ce-specversion:1.0' \
  -H "ce-id:4-$now" \
  -H 'ce-source:examples/raw' \
  -H 'ce-type:portal.InviteRequested.v1' \
  -H "ce-time:$(date -u +%FT%TZ)" \
  -H 'content-type:application/json' \
  -H "Nats-Msg-Id:raw-cpa/examples/raw/4-$now" \
  '{"client_id": "C-1", "recipients": [{"contact_id": "P-1"}], "requested_by": "Maria Lopez"}'
