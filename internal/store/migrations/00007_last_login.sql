-- A person who logs in again has logged in last then: the column holds the newest login that was told, not the first.

-- +goose Up
ALTER TABLE access RENAME COLUMN active_at TO last_login_at;

-- +goose Down
ALTER TABLE access RENAME COLUMN last_login_at TO active_at;
