-- What became of a mail after a mail server took it (ADR 111).

-- +goose Up
ALTER TABLE attempts ADD COLUMN mailed_to text COLLATE "C" NOT NULL DEFAULT ''; -- where the mail went, normal form; '' before this
ALTER TABLE invites ADD COLUMN returned integer NOT NULL DEFAULT 0; -- how many of its mails came back after they were sent
ALTER TABLE suppressions ADD COLUMN lifted_at timestamptz; -- NULL where it is not lifted, or was before this

-- A report about one mail. Reports come in any order and several times. Its key tells them apart.
CREATE TABLE mail_reports (
    invite_id   uuid NOT NULL REFERENCES invites ON DELETE CASCADE,
    nonce       bigint NOT NULL,           -- of the mail, as in its Message-ID
    email       text COLLATE "C" NOT NULL, -- normal form
    kind        text NOT NULL CHECK (kind IN ('delivered', 'bounced', 'complained', 'delayed')),
    code        text NOT NULL,
    said        text NOT NULL,
    at          timestamptz NOT NULL,      -- when it happened, as the reporter says
    reporter    text NOT NULL,
    failed      boolean NOT NULL DEFAULT false, -- the invite has failed because of it
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (invite_id, nonce, email, kind, code)
);
INSERT INTO migrations (migration, least_worker) VALUES (34, 34);

-- +goose Down
DELETE FROM migrations WHERE migration = 34;
DROP TABLE mail_reports;
ALTER TABLE suppressions DROP COLUMN lifted_at;
ALTER TABLE invites DROP COLUMN returned;
ALTER TABLE attempts DROP COLUMN mailed_to;
