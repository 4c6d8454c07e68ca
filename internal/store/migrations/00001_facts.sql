-- Facts: one row for each thing that upstream has published, with the position of the event in the stream. An older
-- event never overwrites a newer one. That is true for a removal, too: its tombstone keeps the row. Identifiers sort by
-- byte (COLLATE "C"). That is what the contract means by (client_id, contact_id) order, and how Go compares strings.

-- +goose Up
CREATE TABLE firms (
    firm_id    text COLLATE "C" PRIMARY KEY,
    name       text NOT NULL,
    portal_url text NOT NULL,
    reply_to   text NOT NULL,
    logo_url   text NOT NULL,
    color      text NOT NULL,
    locale     text NOT NULL,
    licenses   text[],             -- NULL: no license is checked
    remind_after interval,         -- NULL: nobody is reminded
    stream     timestamptz NOT NULL, -- when the stream was created; it comes before the sequence
    sequence   bigint NOT NULL
);

CREATE INDEX firms_reminding ON firms (firm_id) WHERE remind_after IS NOT NULL;

CREATE TABLE clients (
    firm_id     text COLLATE "C" NOT NULL,
    client_id   text COLLATE "C" NOT NULL,
    kind        text NOT NULL,
    name        text NOT NULL,
    active      boolean NOT NULL,
    contact_ids text[] COLLATE "C" NOT NULL, -- sorted
    primaries   boolean[] NOT NULL,          -- primaries[i] belongs to contact_ids[i]
    removed     boolean NOT NULL,
    stream      timestamptz NOT NULL,
    sequence    bigint NOT NULL,
    PRIMARY KEY (firm_id, client_id)
);

CREATE TABLE contacts (
    firm_id      text COLLATE "C" NOT NULL,
    contact_id   text COLLATE "C" NOT NULL,
    name         text NOT NULL,
    email        text NOT NULL,             -- as written, trimmed
    email_normal text COLLATE "C" NOT NULL, -- '' if it is not a valid address
    locale       text NOT NULL,
    removed      boolean NOT NULL,
    stream       timestamptz NOT NULL,
    sequence     bigint NOT NULL,
    PRIMARY KEY (firm_id, contact_id)
);

CREATE TABLE suppressions (
    firm_id  text COLLATE "C" NOT NULL,
    email    text COLLATE "C" NOT NULL, -- normal form
    cause    text NOT NULL,
    lifted   boolean NOT NULL,
    stream   timestamptz NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (firm_id, email)
);

CREATE TABLE templates (
    firm_id     text COLLATE "C" NOT NULL,
    template_id text COLLATE "C" NOT NULL,
    name        text NOT NULL,
    body        text NOT NULL,
    stream      timestamptz NOT NULL,
    sequence    bigint NOT NULL,
    PRIMARY KEY (firm_id, template_id)
);

-- The newest removal of each contact and client that has ended access, so that each removal ends access once.
CREATE TABLE removals (
    firm_id  text COLLATE "C" NOT NULL,
    thing    text NOT NULL, -- contact or client
    id       text COLLATE "C" NOT NULL,
    stream   timestamptz NOT NULL,
    sequence bigint NOT NULL,
    PRIMARY KEY (firm_id, thing, id)
);

-- +goose Down
DROP TABLE removals, templates, suppressions, contacts, clients, firms;
