-- What is on record of an attempt: which server it was, and how long the invite was put off by it.

-- +goose Up
ALTER TABLE attempts
    ADD COLUMN server      text NOT NULL DEFAULT '', -- host:port
    ADD COLUMN server_name text NOT NULL DEFAULT '', -- what it said of itself in its reply to EHLO
    ADD COLUMN pause       interval NOT NULL DEFAULT '0'; -- until the next attempt; 0 where the fault was not the mail's

-- +goose Down
ALTER TABLE attempts DROP COLUMN pause, DROP COLUMN server_name, DROP COLUMN server;
