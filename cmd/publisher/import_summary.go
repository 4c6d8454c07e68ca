package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"portal-invites/internal/app"
	"portal-invites/internal/importer"
)

// summary is what an import prints at its end.
type summary struct {
	read    *importer.Import
	items   []item
	file    string
	dryRun  bool
	stopped bool // by --strict, since a row was refused
}

// importReport is the summary for programs.
type importReport struct {
	File        string             `json:"file"`
	Encoding    string             `json:"encoding"`
	Separator   string             `json:"separator"`
	Ignored     []string           `json:"ignored_columns"`
	Rows        int                `json:"rows"`
	Clients     int                `json:"clients"`
	Contacts    int                `json:"contacts"`
	Published   bool               `json:"published"`
	RefusedRows int                `json:"refused_rows"`
	LeftOut     []importer.LeftOut `json:"left_out"`
	Problems    []importer.Problem `json:"problems"`
	Facts       []plannedFact      `json:"facts,omitempty"` // only of a dry run; emails are not masked
}

type plannedFact struct {
	Subject string          `json:"subject"`
	Data    json.RawMessage `json:"data"`
}

func (m summary) show(s app.Streams, output string) {
	if output == outputJSON {
		m.printJSON(s)
		return
	}
	if m.dryRun {
		for _, c := range m.read.Contacts {
			fmt.Fprintln(s.Out, maskedContact(c))
		}
		for _, c := range m.read.Clients {
			fmt.Fprintln(s.Out, shownClient(c))
		}
	}
	for _, p := range m.read.Problems {
		fmt.Fprintln(s.Err, p)
	}
	for _, l := range m.read.LeftOut {
		fmt.Fprintf(s.Err, "client %s is left out because of %s\n", l.ClientID, lineNumbers(l.Lines))
	}
	if len(m.read.Ignored) > 0 {
		fmt.Fprintf(s.Err, "columns that are not imported: %s\n", strings.Join(m.read.Ignored, ", "))
	}
	fmt.Fprintf(s.Out, "%s (%s, %s): %s\n", m.file, m.read.Encoding, m.read.Separator, m.sentence())
}

func (m summary) sentence() string {
	clients, contacts := count(len(m.read.Clients), "client"), count(len(m.read.Contacts), "contact")
	var text string
	switch {
	case m.dryRun:
		text = fmt.Sprintf("%s, %s would be published", clients, contacts)
	case m.stopped:
		text = fmt.Sprintf("nothing published (--strict); %s, %s could be", clients, contacts)
	default:
		text = fmt.Sprintf("%s, %s published", clients, contacts)
	}
	if refused := m.read.RefusedRows(); refused > 0 {
		text += fmt.Sprintf("; %s refused, %s left out", count(refused, "row"), count(len(m.read.LeftOut), "client"))
	}
	return text
}

func (m summary) printJSON(s app.Streams) {
	report := importReport{
		File: m.file, Encoding: m.read.Encoding, Separator: m.read.Separator,
		Ignored: listed(m.read.Ignored), Rows: m.read.Rows, Clients: len(m.read.Clients), Contacts: len(m.read.Contacts),
		Published: !m.dryRun && !m.stopped, RefusedRows: m.read.RefusedRows(),
		LeftOut: listed(m.read.LeftOut), Problems: listed(m.read.Problems),
	}
	if m.dryRun {
		for _, it := range m.items {
			report.Facts = append(report.Facts, plannedFact{it.msg.Subject, it.msg.Data})
		}
	}
	printJSON(s.Out, report)
}

// listed turns nil into an empty list, since JSON would show nil as null.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func lineNumbers(lines []int) string {
	words := make([]string, len(lines))
	for i, line := range lines {
		words[i] = fmt.Sprint(line)
	}
	if len(words) == 1 {
		return "line " + words[0]
	}
	return "lines " + strings.Join(words, ", ")
}
