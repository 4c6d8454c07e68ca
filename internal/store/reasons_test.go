package store

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"portal-invites/internal/rules"
)

// decodeReasons reads the same as encoding/json: every field of a reason, and any text.
func TestReasonsAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	text := rapid.StringN(0, 20, -1)
	one := rapid.Custom(func(t *rapid.T) rules.Reason {
		r := rules.Reason{Code: rules.Code(text.Draw(t, "code")), Explanation: text.Draw(t, "explanation"),
			Remedy: text.Draw(t, "remedy")}
		if rapid.Bool().Draw(t, "shared") {
			r.Conflict = &rules.Conflict{ContactID: text.Draw(t, "contact"), ClientID: text.Draw(t, "client")}
		}
		if rapid.Bool().Draw(t, "too soon") {
			r.RetryAt = time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "retry at")).UTC()
		}
		return r
	})
	rapid.Check(t, func(t *rapid.T) {
		reasons := rapid.SliceOfN(one, 1, 3).Draw(t, "reasons")
		encoded, err := encodeReasons([]Invite{{Reasons: reasons}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeReasons(encoded[0])
		var want []rules.Reason
		if jsonErr := json.Unmarshal(encoded[0], &want); err != nil || jsonErr != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s is read as %+v, %v", encoded[0], got, err)
		}
	})
}

// decodeReasons must read every field that rules.Reason gets.
func TestEveryFieldOfAReasonIsRead(t *testing.T) {
	t.Parallel()
	n, m := reflect.TypeFor[rules.Reason]().NumField(), reflect.TypeFor[rules.Conflict]().NumField()
	if n != 5 || m != 2 {
		t.Errorf("a reason has %d fields, a conflict %d: does decodeReasons read all of them, "+
			"and does TestReasonsAreReadAsTheyWereWritten draw them?", n, m)
	}
}

func BenchmarkReasons(b *testing.B) {
	encoded := []byte(`[{"code": "other_contact", "explanation": "Dana Lee is an Other contact of Acme.",
		"remedy": "Make Dana Lee a primary contact, or invite them from the client record."}]`)
	b.Run("decodeReasons", func(b *testing.B) {
		for b.Loop() {
			if _, err := decodeReasons(encoded); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		for b.Loop() {
			var reasons []rules.Reason
			if err := json.Unmarshal(encoded, &reasons); err != nil {
				b.Fatal(err)
			}
		}
	})
}
