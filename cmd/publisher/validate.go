package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"portal-invites/internal/app"
	"portal-invites/internal/events"
)

// validateCmd checks events against the contract without a broker.
type validateCmd struct {
	File   string `arg:"" placeholder:"FILE|-" help:"CloudEvents as JSON, one a line, or with --type the data of one event; - for standard input."`
	Type   string `placeholder:"TYPE" help:"Check the data of one event of this type, for example InviteRequested."`
	Firm   string `placeholder:"FIRM" help:"The firm that the events are for, if the lines do not name it. The result does not depend on it."`
	Output string `short:"o" enum:"text,json" default:"text" help:"Output form: text or json."`
}

// Validate is called by kong once the flags are read.
func (c *validateCmd) Validate() error {
	if c.Type != "" {
		if err := checkType(c.Type); err != nil {
			return err
		}
	}
	if c.Firm != "" {
		return events.CheckFirm(c.Firm)
	}
	return nil
}

// verdict is what validate prints with -o json.
type verdict struct {
	Events   int       `json:"events"`
	Valid    int       `json:"valid"`
	Problems []problem `json:"problems"`
}

// anyFirm replaces a missing firm, since only the data is checked.
const anyFirm = "any"

// Run prints every problem.
func (c *validateCmd) Run(s app.Streams) error {
	in, closeInput, err := open(c.File, s.In)
	if err != nil {
		return err
	}
	defer closeInput()
	found := verdict{Problems: []problem{}}
	if c.Type != "" {
		err = found.one(in, events.Type(c.Type))
	} else {
		err = found.many(in, c.Firm)
	}
	if err != nil {
		return err
	}
	found.show(s, c.Output)
	if len(found.Problems) > 0 {
		return app.ErrReported
	}
	return nil
}

func (v *verdict) many(in io.Reader, firm string) error {
	items, found, err := readNDJSON(in, firmChoice{given: firm, fallback: anyFirm})
	if err != nil {
		return err
	}
	v.Events, v.Valid = len(items)+badLines(found), len(items)
	v.Problems = append(v.Problems, found...)
	if v.Events == 0 {
		return errors.New("there is no event in the input")
	}
	return nil
}

func (v *verdict) one(in io.Reader, t events.Type) error {
	data, err := readData("-", in)
	if err != nil {
		return err
	}
	subject, err := events.Subject(anyFirm, t)
	if err != nil {
		return err
	}
	msg, err := events.Outgoing{
		Subject: subject, Type: t, Source: "validate", ID: "1", Time: time.Unix(0, 0), Data: struct{}{},
	}.Message()
	if err != nil {
		return err
	}
	v.Events, v.Valid = 1, 1
	if err := events.Strict(events.Decode(msg.Subject, msg.Header, data)); err != nil {
		v.Valid, v.Problems = 0, problems(err)
	}
	return nil
}

func (v *verdict) show(s app.Streams, output string) {
	if output == outputJSON {
		printJSON(s.Out, v)
		return
	}
	for _, p := range v.Problems {
		fmt.Fprintln(s.Out, p)
	}
	if v.Valid == v.Events {
		fmt.Fprintf(s.Out, "%s, all valid\n", count(v.Events, "event"))
		return
	}
	fmt.Fprintf(s.Out, "%s, %d not valid\n", count(v.Events, "event"), v.Events-v.Valid)
}
