-- Worker processes, and the events that they still have to publish.

-- +goose Up
-- A worker's lease. What the worker has (a run, invites in flight, outbox rows) names it, and is its own while this
-- lasts.
CREATE TABLE workers (
    worker_id   uuid PRIMARY KEY,
    name        text NOT NULL,
    started_at  timestamptz NOT NULL,
    lease_until timestamptz NOT NULL
);

-- Outcome events that are committed and not yet published. A row belongs to the worker that wrote it. So a worker's
-- events leave in order, and no two workers race for a row. The rows of a dead worker are taken over.
CREATE TABLE outbox (
    outbox_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    worker_id    uuid NOT NULL,
    subject      text NOT NULL,
    type         text NOT NULL,
    event_id     text NOT NULL,
    time         timestamptz NOT NULL,
    about        text NOT NULL,
    trace_parent text NOT NULL,
    trace_state  text NOT NULL,
    data         json NOT NULL,
    unclear      boolean NOT NULL DEFAULT false -- taken over from a worker that may have published it before it died
);
CREATE INDEX outbox_by_worker ON outbox (worker_id, outbox_id);

-- +goose Down
DROP TABLE outbox, workers;
