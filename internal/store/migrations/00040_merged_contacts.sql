-- Which contacts were merged into another one (ADR 125). An id that is here means the contact in into_id.

-- +goose Up
CREATE TABLE merged_contacts (
    firm_id    text COLLATE "C" NOT NULL,
    contact_id text COLLATE "C" NOT NULL,
    into_id    text COLLATE "C" NOT NULL, -- never itself a merged contact
    stream     timestamptz NOT NULL,      -- the place of the ContactsMerged
    sequence   bigint NOT NULL,
    merged_at  timestamptz NOT NULL DEFAULT now(), -- when into_id was written
    PRIMARY KEY (firm_id, contact_id)
);
CREATE INDEX merged_contacts_into ON merged_contacts (firm_id, into_id);
CREATE INDEX merged_contacts_new ON merged_contacts (merged_at);
INSERT INTO migrations (migration, least_worker) VALUES (40, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 40;
DROP TABLE merged_contacts;
