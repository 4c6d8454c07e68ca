package rules

import (
	"fmt"
	"maps"
	"slices"

	"portal-invites/internal/wording"
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

// process is one row of the contract's table of processes. The catalogs of internal/wording have its words.
type process struct {
	license license
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
	ClientRecord:  {none},
	FileSharing:   {documentManagement},
	Esign:         {eSign},
	ClientRequest: {clientRequests},
	Survey:        {clientRequests},
	Bulk:          {clientManagement},
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
func (p Process) Words() string { return wording.English().Process(string(p)) }
