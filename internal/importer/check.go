package importer

import (
	"strings"
	"time"

	"portal-invites/internal/events"
)

// check checks a fact as the workers will, so a fact that passes does not become a dead letter. name is the column that
// the fact's field "name" comes from. All other columns have the names of their fields.
func check(t events.Type, data any, line int, name Field) []Problem {
	err := decode(t, data)
	if err == nil {
		return nil
	}
	var problems []Problem
	for _, p := range events.Problems(err) {
		field := p.Field
		if field == "name" {
			field = string(name)
		}
		problems = append(problems, Problem{line, Field(strings.TrimPrefix(field, "data.")), p.Problem})
	}
	return problems
}

func decode(t events.Type, data any) error {
	// The fact is checked the same way for any firm, id and time.
	subject, err := events.Subject("import", t)
	if err != nil {
		return err
	}
	msg, err := events.Outgoing{
		Subject: subject, Type: t, Source: "import", ID: "1", Time: time.Unix(0, 0), Data: data,
	}.Message()
	if err != nil {
		return err
	}
	return events.Strict(events.Decode(msg.Subject, msg.Header, msg.Data))
}
