package compose

import (
	"fmt"

	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
)

// design says what a mail of one process contains. Its words are in the catalogs, in every language, under the name of
// the process.
type design struct {
	item bool // it names what was shared; then every catalog has an "item"
}

// designs has a row for each process.
var designs = map[rules.Process]design{
	rules.ClientRecord:  {},
	rules.FileSharing:   {item: true},
	rules.Esign:         {item: true},
	rules.ClientRequest: {item: true},
	rules.Survey:        {item: true},
	rules.Bulk:          {},
}

// validateDesign refuses a process without a design: its mail would say nothing.
func validateDesign(inv mail.Invitation) error {
	d, designed := designs[inv.Process]
	switch {
	case !designed:
		return fmt.Errorf("process: no mail is designed for %q", inv.Process)
	case d.item:
		return required(string(inv.Process)+": its name or title", inv.ItemName)
	}
	return nil
}
