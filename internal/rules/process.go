package rules

import (
	"fmt"
	"maps"
	"slices"
)

// Process is what a person was doing in the portal when they invited someone. It decides which license is needed, what
// the mail looks like, and whether the rules for bulk apply.
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

// process is one row of the contract's table of processes.
type process struct {
	license license
	words   string // what the products call the activity, for explanations
}

// license is an entry in a firm's list of licenses.
type license struct {
	key  string // in FirmUpserted
	name string // in the products
}

var (
	none               = license{}
	documentManagement = license{"document_management", "Document Management"}
	eSign              = license{"esign", "eSign"}
	clientRequests     = license{"client_requests", "Client Requests"}
	clientManagement   = license{"client_management", "Client Management"}
)

// processes has a row for every process (ADR 74). The linter exhaustive reports a process without a row.
var processes = map[Process]process{
	ClientRecord:  {none, "inviting from the client record"},
	FileSharing:   {documentManagement, "sharing a file"},
	Esign:         {eSign, "requesting an eSignature"},
	ClientRequest: {clientRequests, "sending a client request"},
	Survey:        {clientRequests, "sending a survey"},
	Bulk:          {clientManagement, "inviting in bulk"},
}

// Processes lists every process, sorted by name.
func Processes() []Process { return slices.Sorted(maps.Keys(processes)) }

// row returns the process's row. It panics if there is none: processes are not read from outside, so it is a constant
// that was forgotten in the table, and without a row no license would gate it.
func (p Process) row() process {
	row, ok := processes[p]
	if !ok {
		panic(fmt.Sprintf("process %q has no row in internal/rules/process.go", p))
	}
	return row
}

// Words is what the products call the activity, as in "sharing a file".
func (p Process) Words() string { return p.row().words }
