-- A claim reads invites_in_turns from where a line begins. While the table's statistics said that nothing is queued, the
-- planner took invites_waiting for it instead, and sorted the whole queue for each claim (ADR 140). A firm's queued
-- invites are also in invites_in_turns, behind each lane. So only those that are being sent need an index of their own.

-- +goose Up
CREATE INDEX invites_being_sent ON invites (firm_id) WHERE state = 'sending';
DROP INDEX invites_waiting;
INSERT INTO migrations (migration, least_worker) VALUES (50, 0);

-- +goose Down
DELETE FROM migrations WHERE migration = 50;
CREATE INDEX invites_waiting ON invites (firm_id, lane) WHERE state IN ('queued', 'sending');
DROP INDEX invites_being_sent;
