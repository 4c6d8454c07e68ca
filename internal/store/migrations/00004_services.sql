-- Indexes for the services, so that they answer in milliseconds beside a large run; and the dead letters as rows.

-- +goose Up
CREATE INDEX contacts_by_email ON contacts (firm_id, email_normal) WHERE NOT removed;
CREATE INDEX clients_by_contact ON clients USING gin (contact_ids);
CREATE INDEX invites_by_person ON invites (firm_id, person, client_id); -- ADR 50
CREATE INDEX runs_by_firm ON runs (firm_id, created_at, run_id);

-- An event that could not be handled, as it was published, and what has been done about it. The message on the stream
-- expires. Operators work with the row.
CREATE TABLE dead_letters (
    letter_id uuid PRIMARY KEY, -- derived from the stream's creation and the sequence, so it has one row
    firm_id   text COLLATE "C" NOT NULL, -- _ if it is unknown
    type      text NOT NULL,
    source    text NOT NULL,
    event_id  text NOT NULL,
    stream    timestamptz NOT NULL,
    sequence  bigint NOT NULL,
    subject   text NOT NULL,
    reason    text NOT NULL,
    durable   text NOT NULL,  -- the durable whose worker set it aside
    buried_at timestamptz NOT NULL,
    headers   bytea NOT NULL, -- JSON of name to values in base64: a header may have bytes that no text column takes
    body      bytea NOT NULL,
    state     text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'requeued', 'discarded')),
    marked_by text NOT NULL DEFAULT '',
    note      text NOT NULL DEFAULT '',
    marked_at timestamptz
);
CREATE INDEX dead_letters_by_firm ON dead_letters (firm_id, buried_at, letter_id);

-- +goose Down
DROP TABLE dead_letters;
DROP INDEX runs_by_firm, invites_by_person, clients_by_contact, contacts_by_email;
