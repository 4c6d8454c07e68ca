-- People who say that a mail was not meant for them (ADR 154).

-- +goose Up
ALTER TABLE firms ADD COLUMN decline boolean NOT NULL DEFAULT false; -- its portal has the page on which they say so
CREATE TABLE declines (
    firm_id     text COLLATE "C" NOT NULL,
    email       text COLLATE "C" NOT NULL, -- normal form, where the mail went
    invite_id   uuid NOT NULL,             -- whose link declined last
    bulk_only   boolean NOT NULL,          -- a mail program's one click; false: a person pressed the page's button
    declined_at timestamptz NOT NULL,
    PRIMARY KEY (firm_id, email)
);
INSERT INTO migrations (migration, least_worker) VALUES (73, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 73;
DROP TABLE declines;
ALTER TABLE firms DROP COLUMN decline;
