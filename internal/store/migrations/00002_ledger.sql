-- The ledger: the requests, what became of them, and the accesses and logins that people got by them.

-- +goose Up
CREATE TABLE requests (
    request_id   uuid PRIMARY KEY, -- derived from firm, source and event_id
    firm_id      text COLLATE "C" NOT NULL,
    source       text NOT NULL,
    event_id     text NOT NULL,
    type         text NOT NULL,
    data         jsonb NOT NULL,
    time         timestamptz NOT NULL, -- when it happened, as upstream says
    trace_parent text NOT NULL,
    trace_state  text NOT NULL,
    stream       timestamptz NOT NULL,
    sequence     bigint NOT NULL
);

-- A bulk request or a replay while it is worked on.
CREATE TABLE runs (
    run_id         uuid PRIMARY KEY,
    request_id     uuid NOT NULL REFERENCES requests,
    firm_id        text COLLATE "C" NOT NULL,
    kind           text NOT NULL CHECK (kind IN ('invite', 'resend', 'replay')),
    replays        uuid REFERENCES runs,                -- kind replay: the run to decide again; NULL: by its filter
    quiet          boolean NOT NULL,                    -- it publishes nothing until it changes an outcome
    cursor_client  text COLLATE "C" NOT NULL DEFAULT '', -- the last candidate decided
    cursor_contact text COLLATE "C" NOT NULL DEFAULT '',
    cursor_invite  uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    walked         boolean NOT NULL DEFAULT false,
    selected       integer NOT NULL DEFAULT 0,
    sent           integer NOT NULL DEFAULT 0,
    skipped        integer NOT NULL DEFAULT 0,
    failed         integer NOT NULL DEFAULT 0,
    pending        integer NOT NULL DEFAULT 0,
    too_old        integer NOT NULL DEFAULT 0, -- kind replay: invites that match, but were requested too long ago
    published      integer NOT NULL DEFAULT 0, -- how many events about it have been published
    worker_id      uuid,                       -- the worker that has it now
    turn_at        timestamptz NOT NULL,       -- when it was last given a turn; runs take turns
    created_at     timestamptz NOT NULL,
    progressed_at  timestamptz,
    completed_at   timestamptz,
    CONSTRAINT sums_hold CHECK (selected = sent + skipped + failed + pending),
    CONSTRAINT no_count_below_zero CHECK (least(sent, skipped, failed, pending) >= 0)
);
CREATE INDEX runs_to_walk ON runs (turn_at) WHERE NOT walked;
CREATE INDEX runs_replaying ON runs (replays) WHERE replays IS NOT NULL;
CREATE INDEX runs_pending ON runs (run_id) WHERE pending > 0;

CREATE TABLE run_reasons (
    run_id uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
    reason text NOT NULL,
    count  integer NOT NULL CHECK (count >= 0),
    PRIMARY KEY (run_id, reason)
);

-- One row for each recipient of a request. It has the present outcome; the outbox only has the event about it.
CREATE TABLE invites (
    invite_id       uuid PRIMARY KEY, -- derived from the request, the client and the recipient that the request names
    request_id      uuid NOT NULL REFERENCES requests,
    firm_id         text COLLATE "C" NOT NULL,
    client_id       text COLLATE "C" NOT NULL,
    contact_id      text COLLATE "C" NOT NULL, -- the recipient as the request names it: a contact,
    added_email     text NOT NULL,             -- or a person added by email, as written;
    added_name      text NOT NULL,             -- neither: the client itself
    kind            text NOT NULL CHECK (kind IN ('invite', 'resend')),
    lane            text NOT NULL CHECK (lane IN ('individual', 'bulk')),
    run_id          uuid REFERENCES runs,
    replay_id       uuid REFERENCES runs,
    state           text NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'skipped', 'failed')),
    revision        integer NOT NULL, -- how many outcomes have been published
    reason          text NOT NULL,
    reasons         jsonb NOT NULL,
    settled         boolean NOT NULL, -- no replay decides it again
    person          text COLLATE "C" NOT NULL, -- who the recipient is
    name            text NOT NULL,
    email           text NOT NULL,             -- where the mail goes, as written
    email_normal    text COLLATE "C" NOT NULL,
    nonce           bigint NOT NULL,           -- of the link's token; a new one ends the old link
    attempt         integer NOT NULL,
    next_attempt_at timestamptz,
    worker_id       uuid,                      -- the worker that is sending it now
    decided_at      timestamptz NOT NULL,
    sent_at         timestamptz,
    expires_at      timestamptz
);
CREATE INDEX invites_due ON invites (lane, run_id, next_attempt_at) WHERE state = 'queued';
CREATE INDEX invites_in_flight ON invites (worker_id) WHERE state = 'sending';
CREATE INDEX invites_fixable_of_run ON invites (run_id, invite_id) WHERE state IN ('skipped', 'failed') AND NOT settled;
CREATE INDEX invites_fixable ON invites (firm_id, invite_id) WHERE state IN ('skipped', 'failed') AND NOT settled;

-- Every try to send a mail. It is recorded before it begins.
CREATE TABLE attempts (
    invite_id   uuid NOT NULL REFERENCES invites,
    attempt     integer NOT NULL,
    message_id  text NOT NULL,
    worker_id   uuid NOT NULL,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz,
    verdict     text NOT NULL DEFAULT '', -- '' while under way
    stage       text NOT NULL DEFAULT '',
    smtp_code   integer NOT NULL DEFAULT 0,
    enhanced    text NOT NULL DEFAULT '',
    said        text NOT NULL DEFAULT '',
    PRIMARY KEY (invite_id, attempt)
);

-- A person's access to one client's portal.
CREATE TABLE access (
    firm_id    text COLLATE "C" NOT NULL,
    client_id  text COLLATE "C" NOT NULL,
    person     text COLLATE "C" NOT NULL, -- contact:<contact_id> or email:<normal form>
    email      text COLLATE "C" NOT NULL, -- the login, normal form
    state      text NOT NULL CHECK (state IN ('invited', 'active', 'expired', 'removed')),
    invite_id  uuid,                      -- the invite whose link opens it; NULL: not invited here
    invited_at timestamptz,
    mailed_at  timestamptz,
    expires_at timestamptz,
    active_at  timestamptz,
    removed_at timestamptz,
    reminders  integer NOT NULL DEFAULT 0, -- that the pipeline sent since the invite
    reminded_at timestamptz,
    version    integer NOT NULL,          -- counts changes; a reservation must have read the newest
    stream     timestamptz NOT NULL,      -- the newest event that changed it
    sequence   bigint NOT NULL,
    PRIMARY KEY (firm_id, client_id, person)
);
CREATE INDEX access_by_person ON access (firm_id, person, email);
CREATE INDEX access_to_remind ON access (firm_id, mailed_at) WHERE state = 'invited' AND reminders < 2;
CREATE INDEX access_expiring ON access (expires_at) WHERE state = 'invited';

-- In a firm, one email belongs to one person. The primary key decides between workers.
CREATE TABLE logins (
    firm_id    text COLLATE "C" NOT NULL,
    email      text COLLATE "C" NOT NULL,
    person     text COLLATE "C" NOT NULL,
    held_until timestamptz NOT NULL, -- exclusive
    PRIMARY KEY (firm_id, email)
);
CREATE INDEX logins_by_person ON logins (firm_id, person);

-- +goose Down
DROP TABLE logins, access, attempts, invites, run_reasons, runs, requests;
