-- Worker processes, and what they still have to tell.

-- +goose Up
-- Whatever a worker holds (a run, invites in flight, outbox rows) names the worker, and is held as long as this lease is.
CREATE TABLE workers (
    worker_id   uuid PRIMARY KEY,
    name        text NOT NULL,
    started_at  timestamptz NOT NULL,
    lease_until timestamptz NOT NULL
);

-- Outcome events that were decided and are not yet on the stream. A row belongs to the worker that wrote it, so its events
-- leave in order and no two workers race for a row; the rows of a worker that died are taken over.
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
