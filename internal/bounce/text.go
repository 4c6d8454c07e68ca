package bounce

import (
	"regexp"
	"strings"
)

// textReply finds a line such as "dana@example.com: 550-5.1.1 No such user" (OpenSMTPD), also with brackets around the
// address.
var textReply = regexp.MustCompile(`(?m)^\s*<?([^\s<>:]+@[^\s<>:]+)>?:?\s+([245]\d\d[ -].+)$`)

// readText completes recipients without a diagnostic from the part for people. OpenSMTPD writes the other server's
// reply only there. A line counts for the recipient that it names.
func (r *Report) readText(text string) {
	for i, recipient := range r.Recipients {
		if recipient.Diagnostic != "" {
			continue
		}
		for _, line := range textReply.FindAllStringSubmatch(text, -1) {
			if strings.EqualFold(line[1], recipient.Final) || strings.EqualFold(line[1], recipient.Original) {
				r.Recipients[i].Diagnostic = "smtp; " + strings.TrimSpace(line[2])
				break
			}
		}
	}
}
