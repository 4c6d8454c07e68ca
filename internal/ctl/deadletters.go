package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"portal-invites/internal/api"
	"portal-invites/internal/app"
)

// deadLettersCmd is about the events that could not be handled.
type deadLettersCmd struct {
	List    listLettersCmd    `cmd:"" default:"withargs" help:"List them, the newest first (the default)."`
	Show    showLetterCmd     `cmd:"" help:"Show one with its headers and body."`
	Requeue requeueLettersCmd `cmd:"" help:"Hand events to the workers again, after a fix. They keep their identity, so nobody is mailed twice."`
	Discard discardLettersCmd `cmd:"" help:"Set events aside for good, with the reason."`
}

// letters has the flags that all commands about dead letters share.
type letters struct {
	Firm   string `required:"" placeholder:"FIRM" help:"The firm's id; _ for events whose firm is not known."`
	Output string `short:"o" enum:"table,json,csv" default:"table" help:"table, json with one object a line, or csv."`
	app.Broker
}

func (c letters) dial() (connection, error) { return service{c.Firm, c.Broker}.dial() }

type listLettersCmd struct {
	letters
	State   string `enum:"open,requeued,discarded,all" default:"open" placeholder:"open" help:"Only in this state: open, requeued, discarded, or all."`
	Type    string `placeholder:"TYPE" help:"Only events of this type."`
	Durable string `placeholder:"NAME" help:"Only what this durable set aside: facts, invite-worker or bulk-worker."`
	Since   moment `placeholder:"2h|TIME" help:"Only what was set aside since then."`
}

// Validate is called by kong once the flags are read.
func (c *listLettersCmd) Validate() error { return checkFirm(c.Firm) }

// Run asks, and prints the answer.
func (c *listLettersCmd) Run(ctx context.Context, s app.Streams) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	request := api.DeadLettersRequest{Action: api.ListLetters, Type: c.Type, Durable: c.Durable, Since: c.Since.Time}
	if c.State != "all" {
		request.State = api.LetterState(c.State)
	}
	all, err := conn.letters(ctx, request)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		if err := conn.firmUnknown(ctx); err != nil {
			return err
		}
	}
	if len(all) == 0 && c.Output == outputTable {
		fmt.Fprintf(s.Err, "There are no such dead letters at firm %s.\n", c.Firm)
		return nil
	}
	return c.show(s.Out, all)
}

func (conn connection) letters(ctx context.Context, r api.DeadLettersRequest) ([]api.DeadLetter, error) {
	r.Limit = api.MaxLimit
	var all []api.DeadLetter
	err := allPages(ctx, func(cursor string) (string, error) {
		r.Cursor = cursor
		page, err := conn.DeadLetters(ctx, conn.firm, r)
		all = append(all, page.Letters...)
		return page.Next, err
	})
	return all, conn.explainError(ctx, err)
}

// show prints one row, or one line of JSON, for each letter.
func (c letters) show(w io.Writer, all []api.DeadLetter) error {
	if c.Output == outputJSON {
		for _, letter := range all {
			if err := printJSON(w, letter); err != nil {
				return err
			}
		}
		return nil
	}
	if c.Output == outputCSV {
		return writeCSV(w, letterRows(all))
	}
	list := table{head: []string{"LETTER", "AT (UTC)", "TYPE", "STATE", "WHY"}}
	for _, letter := range all {
		why := letter.Reason
		if letter.Note != "" {
			why += fmt.Sprintf(" (%s by %s: %s)", letter.State, letter.By, letter.Note)
		}
		if letter.Outdated != "" {
			why += "; " + letter.Outdated
		}
		list.add(letter.ID.String()[:8], letter.At.UTC().Format("01-02 15:04"), letter.Type, string(letter.State), why)
	}
	list.write(w)
	return nil
}

// letterRows are the letters for a spreadsheet, without the bodies of their events.
func letterRows(all []api.DeadLetter) [][]string {
	rows := [][]string{{
		"letter_id", "at", "type", "source", "event_id", "sequence", "subject", "durable", "state", "reason", "by", "note",
	}}
	for _, l := range all {
		rows = append(rows, []string{
			l.ID.String(), inCSV(l.At), l.Type, l.Source, l.EventID, strconv.FormatUint(l.Sequence, 10), l.Subject, l.Durable,
			string(l.State), l.Reason, l.By, l.Note,
		})
	}
	return rows
}

// letterIDs finds the letters that are meant, by their ids or the beginnings of them. It finds all of them before a
// command changes the first.
func (conn connection) letterIDs(ctx context.Context, given []string) ([]string, error) {
	ids := slices.Clone(given)
	if slices.ContainsFunc(given, func(id string) bool { return len(id) < uuidLength }) {
		all, err := conn.letters(ctx, api.DeadLettersRequest{Action: api.ListLetters})
		if err != nil {
			return nil, err
		}
		known := make([]string, len(all))
		for i, letter := range all {
			known[i] = letter.ID.String()
		}
		for i, id := range given {
			if len(id) < uuidLength {
				if ids[i], err = matchID("dead letter", id, known); err != nil {
					return nil, err
				}
			}
		}
	}
	return ids, nil
}

// act does the same to each of the letters. It prints those that are done even if a later one fails.
func (c letters) act(ctx context.Context, s app.Streams, given []string, r api.DeadLettersRequest) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.close()
	ids, err := conn.letterIDs(ctx, given)
	if err != nil {
		return err
	}
	var done []api.DeadLetter
	var errs []error
	for _, id := range ids {
		r.ID = id
		answer, err := conn.DeadLetters(ctx, conn.firm, r)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", id, conn.explainError(ctx, err)))
			continue
		}
		done = append(done, answer.Letters...)
	}
	if r.Action == api.ShowLetter && c.Output != outputJSON {
		for _, letter := range done {
			printLetter(s.Out, letter)
		}
		return errors.Join(errs...)
	}
	return errors.Join(append(errs, c.show(s.Out, done))...)
}

type showLetterCmd struct {
	letters
	ID string `arg:"" name:"letter" help:"Its id, or the beginning of it."`
}

// Validate is called by kong once the flags are read.
func (c *showLetterCmd) Validate() error {
	return errors.Join(checkFirm(c.Firm), checkPrefix("letter", c.ID))
}

// Run asks, and prints the answer.
func (c *showLetterCmd) Run(ctx context.Context, s app.Streams) error {
	return c.act(ctx, s, []string{c.ID}, api.DeadLettersRequest{Action: api.ShowLetter})
}

type requeueLettersCmd struct {
	letters
	IDs  []string `arg:"" name:"letter" help:"Their ids, or the beginnings of them."`
	By   string   `placeholder:"NAME" help:"Who does it; your login at this machine if not given."`
	Note string   `placeholder:"TEXT" help:"A note that is kept with them."`
}

// Validate is called by kong once the flags are read.
func (c *requeueLettersCmd) Validate() error { return checkLetters(c.Firm, c.IDs) }

// Run asks, and prints the answer.
func (c *requeueLettersCmd) Run(ctx context.Context, s app.Streams) error {
	return c.act(ctx, s, c.IDs, api.DeadLettersRequest{Action: api.RequeueLetter, By: requester(c.By), Note: c.Note})
}

type discardLettersCmd struct {
	letters
	IDs    []string `arg:"" name:"letter" help:"Their ids, or the beginnings of them."`
	By     string   `placeholder:"NAME" help:"Who does it; your login at this machine if not given."`
	Reason string   `required:"" placeholder:"TEXT" help:"Why they are not needed. It is kept with them."`
}

// Validate is called by kong once the flags are read.
func (c *discardLettersCmd) Validate() error {
	if strings.TrimSpace(c.Reason) == "" {
		return errors.New("--reason: is empty")
	}
	return checkLetters(c.Firm, c.IDs)
}

// Run asks, and prints the answer.
func (c *discardLettersCmd) Run(ctx context.Context, s app.Streams) error {
	return c.act(ctx, s, c.IDs, api.DeadLettersRequest{Action: api.DiscardLetter, By: requester(c.By), Note: c.Reason})
}

func checkLetters(firm string, ids []string) error {
	errs := []error{checkFirm(firm)}
	for _, id := range ids {
		errs = append(errs, checkPrefix("letter", id))
	}
	return errors.Join(errs...)
}

// printLetter prints the whole event. Its headers and body are printed as they were written, except for characters that
// a terminal would obey.
func printLetter(w io.Writer, letter api.DeadLetter) {
	fields{
		{"letter", letter.ID.String()},
		{"state", string(letter.State)},
		{"why", letter.Reason},
		{"set aside", shown(letter.At) + " by " + letter.Durable},
		{"subject", letter.Subject},
		{"sequence", strconv.FormatUint(letter.Sequence, 10)},
		{"source", letter.Source},
		{"id", letter.EventID},
		{"marked by", letter.By},
		{"marked", shown(letter.MarkedAt)},
		{"note", letter.Note},
	}.write(w)
	fmt.Fprintln(w)
	for _, name := range slices.Sorted(maps.Keys(letter.Headers)) {
		for _, value := range letter.Headers[name] {
			fmt.Fprintf(w, "%s: %s\n", printable(name), printable(value))
		}
	}
	fmt.Fprintln(w)
	if letter.LeftOut != "" {
		say(w, "", "(too long to be shown: %s)", letter.LeftOut)
		return
	}
	if letter.BodyBase64 != nil {
		fmt.Fprintf(w, "(a body of %d octets that is not text; see -o json)\n", len(letter.BodyBase64))
		return
	}
	for row := range strings.Lines(letter.Body) {
		fmt.Fprintln(w, printable(strings.TrimRight(row, "\r\n")))
	}
}
