-- A firm whose mails come back too often is paused, or an operator pauses it (ADR 116). Workers from before would go on
-- sending its mails, so they must not run any more.

-- +goose Up
-- By which sender the mail of an attempt leaves. Attempts from before have '', as if it was the default sender.
ALTER TABLE attempts ADD COLUMN mailed_by text COLLATE "C" NOT NULL DEFAULT '';

-- The last pause of a firm, and how it ended.
CREATE TABLE firm_pauses (
    firm_id    text COLLATE "C" PRIMARY KEY,
    paused     boolean NOT NULL,
    cause      text NOT NULL CHECK (cause IN ('operator', 'bounces', 'complaints')),
    paused_at  timestamptz NOT NULL,
    paused_by  text NOT NULL,                -- '' unless it was an operator
    reason     text NOT NULL,
    resumed_at timestamptz,                  -- from then on, mails and failures are counted anew
    resumed_by text NOT NULL DEFAULT '',
    resumed_because text NOT NULL DEFAULT ''
);
CREATE INDEX firm_pauses_now ON firm_pauses (firm_id) WHERE paused;
-- How many mails of a firm were given to a mail server in an hour.
CREATE TABLE firm_mails (
    firm_id text COLLATE "C" NOT NULL,
    hour    timestamptz NOT NULL,
    sender  text COLLATE "C" NOT NULL,
    mails   integer NOT NULL,
    PRIMARY KEY (firm_id, hour, sender)
);
-- The mails of a firm that count against it. Each counts once of each kind, however often it is reported.
CREATE TABLE mail_failures (
    firm_id   text COLLATE "C" NOT NULL,
    invite_id uuid NOT NULL,
    nonce     bigint NOT NULL,               -- of the mail, as in its Message-ID
    kind      text NOT NULL CHECK (kind IN ('bounce', 'complaint')),
    sender    text COLLATE "C" NOT NULL,     -- by which the mail left
    mailed_at timestamptz NOT NULL,
    PRIMARY KEY (invite_id, nonce, kind)
);
CREATE INDEX mail_failures_new ON mail_failures (mailed_at);
INSERT INTO migrations (migration, least_worker) VALUES (52, 52);

-- +goose Down
DELETE FROM migrations WHERE migration = 52;
DROP TABLE mail_failures;
DROP TABLE firm_mails;
DROP TABLE firm_pauses;
ALTER TABLE attempts DROP COLUMN mailed_by;
