-- The ids of a request's invites begin with the request's time. So a new invite goes to the end of its indexes, however
-- large they are. The invites of older requests keep their ids, because an event that comes again must find them.

-- +goose Up
ALTER TABLE requests ADD COLUMN timed_ids boolean NOT NULL DEFAULT false;
CREATE INDEX requests_untimed ON requests (firm_id, time) WHERE NOT timed_ids; -- no new request is in it

-- Requests and runs are pruned after years. To delete one, these keys would read all invites, or need an index on each
-- of their columns, which is a random page more for every invite. Instead, the statements that write invites do what
-- the keys did, once for each request and not once for each row: InsertInvites locks the requests, and Advance locks
-- the run.
ALTER TABLE invites DROP CONSTRAINT invites_request_id_fkey, DROP CONSTRAINT invites_run_id_fkey, DROP CONSTRAINT invites_replay_id_fkey;
CREATE INDEX runs_by_request ON runs (request_id);
CREATE INDEX requests_of_removals ON requests (time) WHERE type = 'AccessRemovalRequested';

-- +goose Down
DROP INDEX requests_of_removals, runs_by_request, requests_untimed;
ALTER TABLE invites
    ADD CONSTRAINT invites_request_id_fkey FOREIGN KEY (request_id) REFERENCES requests,
    ADD CONSTRAINT invites_run_id_fkey FOREIGN KEY (run_id) REFERENCES runs,
    ADD CONSTRAINT invites_replay_id_fkey FOREIGN KEY (replay_id) REFERENCES runs;
ALTER TABLE requests DROP COLUMN timed_ids;
