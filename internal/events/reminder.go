package events

import (
	"encoding/json"
	"fmt"
)

// Reminder is what the pipeline's own request for a reminder has besides the fields of a [Request]. No event on the
// stream has it.
type Reminder struct {
	Expiring bool     `json:"expiring,omitempty"` // the link that it replaces is about to expire
	Together []string `json:"together,omitempty"` // the ids of other clients whose portals the mail names
}

// WithReminder adds what a reminder says to the data of its request.
func WithReminder(request Request, reminder Reminder) (json.RawMessage, error) {
	raw, err := json.Marshal(struct {
		Request
		Reminder Reminder `json:"reminder"`
	}{request, reminder})
	if err != nil {
		return nil, fmt.Errorf("encode a reminder: %w", err)
	}
	return raw, nil
}

// ReminderOf reads what a reminder says from the data of its request. It is zero for any other request.
func ReminderOf(source string, data json.RawMessage) (Reminder, error) {
	var request struct {
		Reminder Reminder `json:"reminder"`
	}
	if source != OutcomeSource {
		return Reminder{}, nil
	}
	if err := json.Unmarshal(data, &request); err != nil {
		return Reminder{}, fmt.Errorf("read a reminder: %w", err)
	}
	return request.Reminder, nil
}
