-- The ids of a request's invites begin with the request's time, so that a new invite goes to the end of its indexes however large they
-- are. Requests from before keep the ids that their invites have: an event that comes again must find them.

-- +goose Up
ALTER TABLE requests ADD COLUMN timed_ids boolean NOT NULL DEFAULT false;

-- +goose Down
ALTER TABLE requests DROP COLUMN timed_ids;
