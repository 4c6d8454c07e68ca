// Package examples embeds the example firm, so that a command can use it from any directory. README.md describes it,
// and acme/README.md lists its messy cases and what becomes of each.
package examples

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"

	"portal-invites/internal/rules"
)

// AcmeFirm is the id of the example firm.
const AcmeFirm = "acme-cpa"

// The files of the example firm, in the order in which they are published.
const (
	AcmeFirmFile  = "firm.json"       // data of FirmUpserted
	AcmeClients   = "clients.csv"     // an export, for publisher import
	AcmeFacts     = "facts.ndjson"    // access, suppressed emails, a template
	AcmeRequests  = "requests.ndjson" // individual requests from every process
	AcmeBulk      = "bulk.json"       // data of BulkInviteRequested
	AcmeFixes     = "fixes.ndjson"    // facts that make exactly two more invites possible
	acmeExpected  = "expected.json"
	acmeDirectory = "acme"
)

//go:embed acme
var files embed.FS

// Acme returns the example firm's folder.
func Acme() (fs.FS, error) {
	acme, err := fs.Sub(files, acmeDirectory)
	if err != nil {
		return nil, fmt.Errorf("open the example firm: %w", err)
	}
	return acme, nil
}

// Sums count the outcomes of a request or a run: Selected = Sent + Skipped, and ByReason counts the skips by their
// first reason.
type Sums struct {
	Selected int                `json:"selected"`
	Sent     int                `json:"sent"`
	Skipped  int                `json:"skipped"`
	ByReason map[rules.Code]int `json:"by_reason"`
}

// Expected has the sums that the example firm's files must give, decided in this order.
type Expected struct {
	Individual     Sums `json:"individual"`       // all of requests.ndjson together
	Bulk           Sums `json:"bulk"`             // the run of bulk.json after that
	BulkAfterFixes Sums `json:"bulk_after_fixes"` // another run of bulk.json once fixes.ndjson is published
}

// AcmeExpected reads the sums that the example firm must give.
func AcmeExpected() (Expected, error) {
	var expected Expected
	content, err := files.ReadFile(acmeDirectory + "/" + acmeExpected)
	if err != nil {
		return expected, fmt.Errorf("open the example firm: %w", err)
	}
	if err := json.Unmarshal(content, &expected); err != nil {
		return expected, fmt.Errorf("%s: %w", acmeExpected, err)
	}
	return expected, nil
}
