-- Invites whose mail may or may not have arrived, and which wait for a ruling (INVITE_ON_UNKNOWN=hold).

-- +goose Up
CREATE INDEX invites_held ON invites (lane, invite_id) WHERE state = 'queued' AND next_attempt_at >= '9999-01-01Z';
CREATE INDEX invites_held_by_firm ON invites (firm_id) WHERE state = 'queued' AND next_attempt_at >= '9999-01-01Z';

-- The rulings on attempts with an unknown result. Each attempt gets one ruling: an invite that is sent again and is
-- lost again has another attempt.
CREATE TABLE held_decisions (
    invite_id  uuid NOT NULL,
    attempt    integer NOT NULL,
    firm_id    text COLLATE "C" NOT NULL,
    decision   text NOT NULL CHECK (decision IN ('send', 'arrived')),
    decided_by text NOT NULL, -- an operator, or the part of the pipeline that ruled by itself
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (invite_id, attempt),
    FOREIGN KEY (invite_id, attempt) REFERENCES attempts
);
CREATE INDEX held_decisions_by_firm ON held_decisions (firm_id, decided_at, invite_id);

-- +goose Down
DROP TABLE held_decisions;
DROP INDEX invites_held_by_firm, invites_held;
