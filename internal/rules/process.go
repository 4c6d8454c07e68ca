package rules

import (
	"fmt"
	"maps"
	"slices"
)

// Process is what a person was doing in the portal when they invited someone. It settles the license that is needed, what the
// mail looks like, and whether the rules for bulk apply.
type Process string

// The processes.
const (
	ClientRecord  Process = "client_record"
	FileSharing   Process = "file"
	Esign         Process = "esign"
	ClientRequest Process = "request"
	Survey        Process = "survey"
	Bulk          Process = "bulk"
)

// process is one line of the contract's table of processes.
type process struct {
	license license
	words   string // what doing it is called in the products, for explanations
}

// license is an entry in a firm's list of licenses.
type license struct {
	key  string // as FirmUpserted has it
	name string // as the products call it
}

var (
	none               = license{}
	documentManagement = license{"document_management", "Document Management"}
	eSign              = license{"esign", "eSign"}
	clientRequests     = license{"client_requests", "Client Requests"}
	clientManagement   = license{"client_management", "Client Management"}
)

// processes has a row for every process; the linter (exhaustive) says which one has none.
var processes = map[Process]process{
	ClientRecord:  {none, "inviting from the client record"},
	FileSharing:   {documentManagement, "sharing a file"},
	Esign:         {eSign, "requesting an eSignature"},
	ClientRequest: {clientRequests, "sending a client request"},
	Survey:        {clientRequests, "sending a survey"},
	Bulk:          {clientManagement, "inviting in bulk"},
}

// Processes lists every process, by name.
func Processes() []Process { return slices.Sorted(maps.Keys(processes)) }

// row panics for a process that has none: nothing read from outside names a process, so it is one that somebody forgot here,
// and without a row nobody knows which license gates it.
func (p Process) row() process {
	row, ok := processes[p]
	if !ok {
		panic(fmt.Sprintf("process %q has no row in internal/rules/process.go", p))
	}
	return row
}

// Words is what doing it is called in the products, as in "sharing a file".
func (p Process) Words() string { return p.row().words }
