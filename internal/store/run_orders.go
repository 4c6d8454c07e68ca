package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Orders are what a run has to do by now, after all its instructions (ADR 158).
type Orders struct {
	StartAt time.Time // the walk begins then (ADR 159); zero: at once

	PausedAt                time.Time // zero: not paused
	PausedBy, PausedBecause string
	ResumedAt               time.Time // the last time; zero: never
	ResumedBy               string

	CancelledAt                   time.Time // zero: not cancelled
	CancelledBy, CancelledBecause string
	CancelledPosition             Position
	NotReached                    int // of a cancelled run: recipients that it has not decided

	InstructedPosition Position // of the newest instruction that was obeyed

	Names   uuid.NullUUID // of a replay: the run that its ReplayRequested names
	AskedAt Position      // of that ReplayRequested
}

const orderColumns = `start_at, paused_at, paused_by, paused_because, resumed_at, resumed_by, cancelled_at,
	cancelled_by, cancelled_because, cancelled_stream, coalesce(cancelled_sequence, 0), not_reached, instructed_stream,
	coalesce(instructed_sequence, 0), names, asked_stream, coalesce(asked_sequence, 0)`

// scannedOrders has the times that may be NULL.
type scannedOrders struct {
	start, paused, resumed, cancelled, cancelledStream, instructedStream, askedStream *time.Time
}

// into returns where to scan orderColumns to.
func (s *scannedOrders) into(o *Orders) []any {
	return []any{
		&s.start, &s.paused, &o.PausedBy, &o.PausedBecause, &s.resumed, &o.ResumedBy, &s.cancelled, &o.CancelledBy,
		&o.CancelledBecause, &s.cancelledStream, &o.CancelledPosition.Sequence, &o.NotReached, &s.instructedStream,
		&o.InstructedPosition.Sequence, &o.Names, &s.askedStream, &o.AskedAt.Sequence,
	}
}

func (s *scannedOrders) fill(o *Orders) {
	o.StartAt, o.PausedAt, o.ResumedAt, o.CancelledAt = orZero(s.start), orZero(s.paused), orZero(s.resumed),
		orZero(s.cancelled)
	o.CancelledPosition.Stream, o.InstructedPosition.Stream = orZero(s.cancelledStream), orZero(s.instructedStream)
	o.AskedAt.Stream = orZero(s.askedStream)
}

// Action is what a run is told to do.
type Action string

// The actions.
const (
	PauseRun    Action = "pause"
	ResumeRun   Action = "resume"
	CancelRun   Action = "cancel"
	ScheduleRun Action = "schedule"
)

// InstructionResult is what became of an instruction.
type InstructionResult string

// The results. An instruction waits if its run is not known yet.
const (
	InstructionWaits   InstructionResult = "waits"
	InstructionDone    InstructionResult = "done"
	InstructionRefused InstructionResult = "refused"
)

// Instruction is what somebody has told a run to do.
type Instruction struct {
	RequestID uuid.UUID
	RunID     uuid.UUID
	FirmID    string
	Action    Action
	By        string
	Because   string
	StartAt   time.Time // of [ScheduleRun]; zero: at once
	Result    InstructionResult
	Answer    string // what became of it, in words
	At        time.Time
}

// LockRunID makes the transactions wait for each other that start or instruct one run, also if it does not exist yet.
func (t *Tx) LockRunID(ctx context.Context, run uuid.UUID) error {
	if _, err := t.tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "run "+run.String()); err != nil {
		return fmt.Errorf("lock the id of run %s: %w", run, err)
	}
	return nil
}

// SaveInstruction stores an instruction, or what has become of it by now.
func (t *Tx) SaveInstruction(ctx context.Context, in Instruction) error {
	_, err := t.tx.Exec(ctx, `
		INSERT INTO run_instructions (request_id, run_id, firm_id, action, requested_by, reason, start_at, result, answer,
			recorded_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (request_id) DO UPDATE SET result = excluded.result, answer = excluded.answer`,
		in.RequestID, in.RunID, in.FirmID, in.Action, validText(in.By), validText(in.Because), orNull(in.StartAt), in.Result,
		in.Answer, in.At)
	if err != nil {
		return fmt.Errorf("save an instruction to run %s: %w", in.RunID, err)
	}
	return nil
}

const instructionColumns = `i.request_id, i.run_id, i.firm_id, i.action, i.requested_by, i.reason, i.start_at, i.result,
	i.answer, i.recorded_at`

func scanInstruction(row pgx.CollectableRow) (in Instruction, err error) {
	var start *time.Time
	err = row.Scan(&in.RequestID, &in.RunID, &in.FirmID, &in.Action, &in.By, &in.Because, &start, &in.Result, &in.Answer,
		&in.At)
	in.StartAt = orZero(start)
	return in, err
}

// WaitingInstructions reads the instructions to a run that came before the run itself, in the stream's order.
func (t *Tx) WaitingInstructions(ctx context.Context, firm string, run uuid.UUID) ([]Instruction, error) {
	return collect(ctx, t, "read the instructions that wait for a run", scanInstruction, `
		SELECT `+instructionColumns+` FROM run_instructions i JOIN requests q USING (request_id)
		WHERE i.run_id = $1 AND i.firm_id = $2 AND i.result = 'waits' ORDER BY q.stream, q.sequence`, run, firm)
}

// InFlight counts the mails of a run or a replay that are on their way.
func (t *Tx) InFlight(ctx context.Context, firm string, run uuid.UUID) (n int, err error) {
	err = t.tx.QueryRow(ctx, `SELECT count(*) FROM invites
		WHERE state = `+sqlSending+` AND firm_id = $1 AND (run_id = $2 OR replay_id = $2)`, firm, run).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the mails of run %s that are on their way: %w", run, err)
	}
	return n, nil
}

const missedRuns = ` FROM runs WHERE NOT walked AND paused_at IS NULL AND worker_id IS NULL AND ` + hasMissed

// AnyMissed says whether a run has missed its start by more than a day.
func (s *Store) AnyMissed(ctx context.Context) (missed bool, err error) {
	if err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT`+missedRuns+`)`).Scan(&missed); err != nil {
		return false, fmt.Errorf("look for runs that were not started in time: %w", err)
	}
	return missed, nil
}

// LockMissed locks the runs that have missed their start by more than a day.
func (t *Tx) LockMissed(ctx context.Context) ([]Run, error) {
	return collect(ctx, t, "look for runs that were not started in time", scanRun,
		`SELECT `+runColumns+missedRuns+` ORDER BY run_id FOR UPDATE SKIP LOCKED`)
}

// InstructionsOf reads the newest instructions to a run, the newest first.
func (t *Tx) InstructionsOf(ctx context.Context, firm string, run uuid.UUID, n int) ([]ReportedInstruction, error) {
	return collect(ctx, t, "read the instructions to a run", scanReportedInstruction, `
		SELECT q.source, q.event_id, `+instructionColumns+` FROM run_instructions i JOIN requests q USING (request_id)
		WHERE i.run_id = $1 AND i.firm_id = $2 ORDER BY i.recorded_at DESC, i.request_id LIMIT $3`, run, firm, n)
}

func scanReportedInstruction(row pgx.CollectableRow) (r ReportedInstruction, err error) {
	r.Instruction, err = scanInstruction(afterColumns{row, []any{&r.Source, &r.EventID}})
	return r, err
}

// ReportedInstruction is an instruction with the identity of its event.
type ReportedInstruction struct {
	Instruction
	Source, EventID string
}
