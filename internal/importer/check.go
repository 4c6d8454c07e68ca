package importer

import (
	"strings"
	"time"

	"portal-invites/internal/events"
)

// check holds a fact against the contract, exactly as the workers will: what passes here does not end in the dead letters. name is
// the column that the fact's field "name" comes from; the other columns are called what the fields are.
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
	// Which firm, id and time it will have does not matter to what the fact says.
	subject, err := events.Subject("import", t)
	if err != nil {
		return err
	}
	msg, err := events.Outgoing{Subject: subject, Type: t, Source: "import", ID: "1", Time: time.Unix(0, 0), Data: data}.Message()
	if err != nil {
		return err
	}
	_, err = events.Decode(msg.Subject, msg.Header, msg.Data)
	return err
}
