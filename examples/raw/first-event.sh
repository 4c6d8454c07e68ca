#!/bin/sh
# A firm (first-cpa), a contact, a client and the request to invite the contact, with nothing but the NATS command line
# (https://github.com/nats-io/natscli). Set NATS_URL if the broker is not at nats://127.0.0.1:4222.
set -eu

# Facts come first: a request is decided on every fact that stands before it in the stream.
nats pub portal.facts.first-cpa.FirmUpserted \
  -H 'ce-specversion:1.0' \
  -H 'ce-id:raw-1' \
  -H 'ce-source:examples/raw' \
  -H 'ce-type:portal.FirmUpserted.v1' \
  -H 'ce-time:2026-01-05T14:00:00Z' \
  -H 'content-type:application/json' \
  -H 'Nats-Msg-Id:examples/raw/raw-1' \
  '{"name": "First CPA", "portal_url": "https://portal.first-cpa.example"}'

nats pub portal.facts.first-cpa.ContactUpserted \
  -H 'ce-specversion:1.0' \
  -H 'ce-id:raw-2' \
  -H 'ce-source:examples/raw' \
  -H 'ce-type:portal.ContactUpserted.v1' \
  -H 'ce-time:2026-01-05T14:00:00Z' \
  -H 'content-type:application/json' \
  -H 'Nats-Msg-Id:examples/raw/raw-2' \
  '{"contact_id": "P-1", "name": "Dana Wu", "email": "dana.wu@bluebottle.example"}'

nats pub portal.facts.first-cpa.ClientUpserted \
  -H 'ce-specversion:1.0' \
  -H 'ce-id:raw-3' \
  -H 'ce-source:examples/raw' \
  -H 'ce-type:portal.ClientUpserted.v1' \
  -H 'ce-time:2026-01-05T14:00:00Z' \
  -H 'content-type:application/json' \
  -H 'Nats-Msg-Id:examples/raw/raw-3' \
  '{"client_id": "C-1", "kind": "business", "name": "Blue Bottle LLC", "contacts": [{"contact_id": "P-1", "primary": true}]}'

nats pub portal.events.first-cpa.InviteRequested \
  -H 'ce-specversion:1.0' \
  -H 'ce-id:raw-4' \
  -H 'ce-source:examples/raw' \
  -H 'ce-type:portal.InviteRequested.v1' \
  -H 'ce-time:2026-01-05T14:00:00Z' \
  -H 'content-type:application/json' \
  -H 'Nats-Msg-Id:examples/raw/raw-4' \
  '{"client_id": "C-1", "recipients": [{"contact_id": "P-1"}], "requested_by": "Maria Lopez"}'
