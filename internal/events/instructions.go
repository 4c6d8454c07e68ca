package events

import (
	"time"

	"github.com/google/uuid"
)

// Instruction is the data of RunPauseRequested, RunResumeRequested and RunCancelRequested (ADR 158).
type Instruction struct {
	RunID       string `json:"run_id"` // of a run or a replay
	Reason      string `json:"reason,omitempty"`
	RequestedBy string `json:"requested_by"`
}

// Schedule is the data of RunScheduleRequested (ADR 159).
type Schedule struct {
	Instruction
	StartAt *time.Time `json:"start_at,omitempty"` // nil: the run starts at once
}

// maxReason is the greatest length of a reason that a person gives.
const maxReason = 1000

func (d *Instruction) check(f *fields) {
	if f.given("run_id") {
		if _, err := uuid.Parse(d.RunID); err != nil {
			f.wrong("run_id", "must be a UUID, as in an outcome's run_id or replay_id")
		}
	}
	f.optionalText("reason", d.Reason, maxReason)
	f.text("requested_by", d.RequestedBy, maxName)
}

// InstructionOf returns the instruction in an event's data, and the time that it schedules the run for. ok is false if
// the data has none.
func InstructionOf(d Data) (in Instruction, startAt *time.Time, ok bool) {
	switch d := d.(type) {
	case *Instruction:
		return *d, nil, true
	case *Schedule:
		return d.Instruction, d.StartAt, true
	case *Request, *BulkRequest, *ReplayRequest, *Firm, *Client, *RemovedClient, *Contact, *RemovedContact, *Merge, *Grant,
		*Suppression, *MailReport, *Template, *RemovedTemplate, *Erasure:
	}
	return in, nil, false
}
