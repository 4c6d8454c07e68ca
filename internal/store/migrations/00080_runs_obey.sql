-- A run can be paused, resumed, cancelled and scheduled (ADR 158, ADR 159). Workers from before would go on sending the
-- mails of a run that was paused or cancelled, so they must not run any more.

-- +goose Up
ALTER TABLE runs
    ADD COLUMN start_at            timestamptz,                         -- the walk begins then; NULL: at once
    ADD COLUMN paused_at           timestamptz,                         -- NULL: not paused
    ADD COLUMN paused_by           text NOT NULL DEFAULT '',
    ADD COLUMN paused_because      text NOT NULL DEFAULT '',
    ADD COLUMN resumed_at          timestamptz,                         -- the last time
    ADD COLUMN resumed_by          text NOT NULL DEFAULT '',
    ADD COLUMN cancelled_at        timestamptz,                         -- NULL: not cancelled
    ADD COLUMN cancelled_by        text NOT NULL DEFAULT '',
    ADD COLUMN cancelled_because   text NOT NULL DEFAULT '',
    ADD COLUMN cancelled_stream    timestamptz,                         -- the position of the cancel
    ADD COLUMN cancelled_sequence  bigint,
    ADD COLUMN not_reached         integer NOT NULL DEFAULT 0,          -- recipients that a cancelled run has not decided
    ADD COLUMN instructed_stream   timestamptz,                         -- the position of the newest instruction
    ADD COLUMN instructed_sequence bigint,
    ADD COLUMN names               uuid,                                -- the run that a ReplayRequested names
    ADD COLUMN asked_stream        timestamptz,                         -- the position of that ReplayRequested
    ADD COLUMN asked_sequence      bigint;
CREATE INDEX runs_paused ON runs (run_id) WHERE paused_at IS NOT NULL;
CREATE INDEX runs_cancelled ON runs (firm_id, run_id) WHERE cancelled_at IS NOT NULL;
CREATE INDEX runs_naming ON runs (names) WHERE names IS NOT NULL;
UPDATE runs SET names = (q.data -> 'filter' ->> 'run_id')::uuid, asked_stream = q.stream, asked_sequence = q.sequence
FROM requests q WHERE q.request_id = runs.request_id AND q.type = 'ReplayRequested'
  AND runs.completed_at IS NULL AND q.data -> 'filter' ->> 'run_id' IS NOT NULL;

-- What was asked of runs, and what became of it.
CREATE TABLE run_instructions (
    request_id   uuid PRIMARY KEY REFERENCES requests ON DELETE CASCADE,
    run_id       uuid NOT NULL,                -- may not be known yet
    firm_id      text COLLATE "C" NOT NULL,
    action       text NOT NULL CHECK (action IN ('pause', 'resume', 'cancel', 'schedule')),
    requested_by text NOT NULL,
    reason       text NOT NULL,
    start_at     timestamptz,
    result       text NOT NULL CHECK (result IN ('waits', 'done', 'refused')), -- it waits until the run is known
    answer       text NOT NULL,                -- what became of it, in words
    recorded_at  timestamptz NOT NULL
);
CREATE INDEX run_instructions_of_run ON run_instructions (run_id, recorded_at);
CREATE INDEX run_instructions_waiting ON run_instructions (firm_id) WHERE result = 'waits';
INSERT INTO migrations (migration, least_worker) VALUES (80, 80);

-- +goose Down
DELETE FROM migrations WHERE migration = 80;
DROP TABLE run_instructions;
DROP INDEX runs_paused;
DROP INDEX runs_cancelled;
DROP INDEX runs_naming;
ALTER TABLE runs DROP COLUMN start_at, DROP COLUMN paused_at, DROP COLUMN paused_by, DROP COLUMN paused_because,
    DROP COLUMN resumed_at, DROP COLUMN resumed_by, DROP COLUMN cancelled_at, DROP COLUMN cancelled_by,
    DROP COLUMN cancelled_because, DROP COLUMN cancelled_stream, DROP COLUMN cancelled_sequence, DROP COLUMN not_reached,
    DROP COLUMN instructed_stream, DROP COLUMN instructed_sequence, DROP COLUMN names, DROP COLUMN asked_stream,
    DROP COLUMN asked_sequence;
