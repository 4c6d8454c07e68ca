package store

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"portal-invites/internal/rules"
	"portal-invites/internal/wording"
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
		if rapid.Bool().Draw(t, "together") {
			r.InviteID = text.Draw(t, "invite")
		}
		if rapid.Bool().Draw(t, "named") {
			r.Case, r.Names = text.Draw(t, "case"), drawNames(t)
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
		var stored []storedReason
		jsonErr := json.Unmarshal(encoded[0], &stored)
		want := make([]rules.Reason, len(stored))
		for i, s := range stored {
			want[i], want[i].Case, want[i].Names = s.Reason, s.Case, s.Names
		}
		if err != nil || jsonErr != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s is read as %+v, %v", encoded[0], got, err)
		}
	})
}

// drawNames draws names with any of their fields, whichever there are.
func drawNames(t *rapid.T) *wording.Names {
	names := &wording.Names{}
	for field, value := range reflect.ValueOf(names).Elem().Fields() {
		switch value.Kind() {
		case reflect.String:
			value.SetString(rapid.StringN(0, 5, -1).Draw(t, field.Name))
		default:
			names.Day = time.Unix(rapid.Int64Range(0, 4e9).Draw(t, field.Name), 0).In(time.FixedZone("", -8*60*60))
		}
	}
	return names
}

// A worker of the version before stored words alone. They are told as they are, whatever the language.
func TestAReasonWithoutNamesKeepsItsWords(t *testing.T) {
	t.Parallel()
	got, err := decodeReasons([]byte(`[{"code": "email_missing", "explanation": "Dana Wu has no email address.",
		"remedy": "Add an email to Dana Wu."}]`))
	if err != nil {
		t.Fatal(err)
	}
	if spanish := rules.InWords(got, wording.In("es")); !reflect.DeepEqual(spanish, got) {
		t.Errorf("it is said as %+v", spanish)
	}
}

// decodeReasons must read every field that rules.Reason gets.
func TestEveryFieldOfAReasonIsRead(t *testing.T) {
	t.Parallel()
	n, m := reflect.TypeFor[rules.Reason]().NumField(), reflect.TypeFor[rules.Conflict]().NumField()
	if n != 8 || m != 2 {
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
