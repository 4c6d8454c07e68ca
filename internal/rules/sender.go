package rules

import "regexp"

var senderName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// Postponement is why a firm's mails wait although the rules allow them. It skips and fails nobody, and the mails leave
// once it is over. The values are promised to other teams.
type Postponement string

// SenderUnknown is the postponement of mails whose sender the operator has not configured. No other sender sends them.
// FirmPaused is that of a firm whose mails an operator has paused, or whose mails came back too often (ADR 116).
// OutsideHours is that of bulk mails and reminders outside the firm's hours (ADR 139). OverFirmRate is that of a firm
// that has sent as many mails in an hour as it may (ADR 153). RunPaused is that of a run that somebody has paused
// (ADR 158).
const (
	SenderUnknown Postponement = "sender_unknown"
	FirmPaused    Postponement = "firm_paused"
	RunPaused     Postponement = "run_paused"
	OutsideHours  Postponement = "send_hours"
	OverFirmRate  Postponement = "firm_rate"
)

// IsSenderName says whether a name may be that of a sender. Nothing else is known about a sender here: the operator's
// settings say which there are.
func IsSenderName(name string) bool { return senderName.MatchString(name) }
