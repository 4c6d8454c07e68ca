package api

import (
	"strings"
	"testing"
)

// However long a name or a number is, an error about it is short.
func TestErrorsOfCallsAreShort(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"` + strings.Repeat("n", 900_000) + `": 1}`,
		`{"client_id": ` + strings.Repeat("7", 900_000) + `}`,
	} {
		if _, err := decode[StatusRequest]([]byte(body)); err == nil || len(err.Error()) > 300 {
			t.Errorf("%.60s: %.1000v", body, err)
		}
	}
	if _, err := decode[StatusRequest]([]byte(`{"clientid": 1}`)); err == nil ||
		!strings.Contains(err.Error(), "clientid: there is no such field") {
		t.Errorf("the name of the field is lost: %v", err)
	}
}
