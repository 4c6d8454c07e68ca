package events

import (
	"strings"
	"testing"
)

// A request is stored with the fields that nobody knows. What PostgreSQL can't store is refused by naming the field.
func TestWhatCannotBeStored(t *testing.T) {
	t.Parallel()
	const request = `{"client_id": "C-1", "recipients": [{"contact_id": "P-1"}], "requested_by": "Lee", `
	long := strings.Repeat("9", 900_000)
	for extra, problem := range map[string]string{
		`"x": "a\u0000b"`:             `x: has \u0000 or half of a surrogate pair in it`,
		`"x": {"y": ["\ud800"]}`:      `x: has \u0000 or half of a surrogate pair in it`,
		`"x": "\udc00\ud800"`:         `x: has \u0000 or half of a surrogate pair in it`,
		`"x": "\ud83d\u0041"`:         `x: has \u0000 or half of a surrogate pair in it`,
		`"x": {"a\u0000": 1}`:         `x: has \u0000 or half of a surrogate pair in it`,
		`"a\u0000b": 1`:               `a\x00b: has \u0000 or half of a surrogate pair in it`,
		`"x": 1e999999`:               "x: has a number that is too large to be stored",
		`"x": [1, -2E-999999]`:        "x: has a number that is too large to be stored",
		`"x": 1e99999999999999999999`: "x: has a number that is too large to be stored",
		`"x": ` + long:                "x: has a number that is too large to be stored",
		`"x": ` + strings.Repeat("[", 200) + strings.Repeat("]", 200): "x: is nested deeper than 100 levels",

		`"x": "\ud83d\ude00 \\u0000 \\ud800 é 1e999999"`: "",
		`"x": [1e100, -0.5, {"y": null}]`:                "",
		`"` + strings.Repeat("n", 900_000) + `": 1`:      "",
	} {
		_, err := DecodeData(InviteRequested, []byte(request+extra+"}"))
		if problem == "" && err != nil || problem != "" && (err == nil || err.Error() != problem) {
			t.Errorf("%.80s: %.200v, want %q", extra, err, problem)
		}
	}
	// A fact is not stored with what nobody knows, and is not refused for it.
	if _, err := DecodeData(ClientRemoved, []byte(`{"client_id": "C-1", "x": "\u0000", "y": 1e999999}`)); err != nil {
		t.Error(err)
	}
}

// However long a name or a number is, an error about it is short.
func TestErrorsAreShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 900_000)
	for _, body := range []string{
		`{"` + long + `": 1, "` + strings.ToUpper(long) + `": 2}`,
		`{"client_id": ` + strings.Repeat("7", 900_000) + `}`,
		`{"` + long + `\u0000": 1}`,
	} {
		if _, err := DecodeData(InviteRequested, []byte(body)); err == nil || len(err.Error()) > 1000 {
			t.Errorf("%.60s: %.2000v", body, err)
		}
	}
}
