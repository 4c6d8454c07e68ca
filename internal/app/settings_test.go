package app

import (
	"fmt"
	"reflect"
	"regexp"
	"testing"
	"time"

	"portal-invites/internal/events"
	"portal-invites/internal/mail/smtp"
	"portal-invites/internal/pipeline"
	"portal-invites/internal/rules"
)

// A struct tag can't name a constant, so the defaults are written twice: in the tag, and in the package that uses them.
func TestDefaultsAreThoseOfTheirPackages(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]any{
		"TTL":                rules.DefaultInviteTTL,
		"Cooldown":           rules.DefaultResendCooldown,
		"RetryFor":           pipeline.DefaultRetryFor,
		"ShutdownTimeout":    pipeline.DefaultStopWithin,
		"ConnectionIdle":     smtp.DefaultKeep.Idle,
		"ConnectionAge":      smtp.DefaultKeep.Age,
		"ConnectionMails":    smtp.DefaultKeep.Mails,
		"OnUnknown":          pipeline.ResendUnknown,
		"EventsKeep":         events.DefaultEventsMaxAge,
		"OutcomesKeep":       events.DefaultOutcomesMaxAge,
		"DeadLettersPerFirm": DefaultKept.DeadLettersPerFirm,
		"DeadLettersKeep":    events.DefaultDeadLettersMaxAge,
	} {
		setting, found := reflect.TypeFor[Worker]().FieldByName(field)
		if !found {
			t.Errorf("there is no setting %s", field)
			continue
		}
		for _, name := range []string{"default", "placeholder"} {
			if got := setting.Tag.Get(name); got != written(want) {
				t.Errorf("%s: the %s is %q, want %q", field, name, got, written(want))
			}
		}
	}
}

// written is how a tag writes a value: a duration without the units that are zero.
func written(value any) string {
	text := fmt.Sprint(value)
	if _, is := value.(time.Duration); is {
		text = zeros.ReplaceAllString(text, "$1")
	}
	return text
}

var zeros = regexp.MustCompile(`([hm])(?:0m)?0s$`)
