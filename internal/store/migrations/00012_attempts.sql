-- More about an attempt: which server it was, and how long it deferred the invite.

-- +goose Up
ALTER TABLE attempts
    ADD COLUMN server      text NOT NULL DEFAULT '', -- host:port
    ADD COLUMN server_name text NOT NULL DEFAULT '', -- the name that the server gave itself in its reply to EHLO
    ADD COLUMN pause       interval NOT NULL DEFAULT '0'; -- until the next attempt; 0 if the mail was not at fault

-- +goose Down
ALTER TABLE attempts DROP COLUMN pause, DROP COLUMN server_name, DROP COLUMN server;
