-- The column has the newest login that was reported, not the first.

-- +goose Up
ALTER TABLE access RENAME COLUMN active_at TO last_login_at;

-- +goose Down
ALTER TABLE access RENAME COLUMN last_login_at TO active_at;
