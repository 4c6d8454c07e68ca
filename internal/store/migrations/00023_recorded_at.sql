-- When a request came. A removal is pruned by it, since its event may say any time: the publisher's clock may stand at
-- 1970. Requests from before count as recorded now. No access has a login in the future any more.

-- +goose Up
ALTER TABLE requests ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT now();
DROP INDEX requests_of_removals;
CREATE INDEX requests_of_removals ON requests (recorded_at) WHERE type = 'AccessRemovalRequested';
UPDATE access SET last_login_at = now() WHERE last_login_at > now();

-- +goose Down
DROP INDEX requests_of_removals;
CREATE INDEX requests_of_removals ON requests (time) WHERE type = 'AccessRemovalRequested';
ALTER TABLE requests DROP COLUMN recorded_at;
