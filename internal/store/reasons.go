package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tidwall/gjson"

	"portal-invites/internal/rules"
	"portal-invites/internal/wording"
)

// storedReason is a reason as it is stored: with its case and names, from which any language can tell it. Workers of
// the version before read the words, which are English. A reason that such a worker has stored has no names.
type storedReason struct {
	rules.Reason
	Case  string         `json:"case,omitempty"`
	Names *wording.Names `json:"names,omitempty"`
}

// encodeReasons returns the reasons of each invite as they are stored.
func encodeReasons(invites []Invite) ([][]byte, error) {
	encoded := make([][]byte, len(invites))
	for n, i := range invites {
		if len(i.Reasons) == 0 {
			encoded[n] = []byte("[]")
			continue
		}
		stored := make([]storedReason, len(i.Reasons))
		for k, r := range i.Reasons {
			stored[k] = storedReason{r, r.Case, r.Names}
		}
		var err error
		if encoded[n], err = json.Marshal(stored); err != nil {
			return nil, fmt.Errorf("encode the reasons of invite %s: %w", i.ID, err)
		}
	}
	return encoded, nil
}

// decodeReasons reads what encodeReasons wrote. It does not use reflection, because reading reasons is most of the work
// of a replay.
func decodeReasons(encoded []byte) (reasons []rules.Reason, err error) {
	gjson.ParseBytes(encoded).ForEach(func(_, element gjson.Result) bool {
		var r rules.Reason
		element.ForEach(func(name, value gjson.Result) bool {
			switch name.Str {
			case "code":
				r.Code = rules.Code(value.Str)
			case "explanation":
				r.Explanation = value.Str
			case "remedy":
				r.Remedy = value.Str
			case "conflict":
				r.Conflict = &rules.Conflict{ContactID: value.Get("contact_id").Str, ClientID: value.Get("client_id").Str}
			case "retry_at":
				r.RetryAt, err = time.Parse(time.RFC3339Nano, value.Str)
			case "invite_id":
				r.InviteID = value.Str
			case "case":
				r.Case = value.Str
			case "names":
				r.Names, err = decodeNames(value)
			}
			return err == nil
		})
		reasons = append(reasons, r)
		return err == nil
	})
	if err != nil {
		return nil, fmt.Errorf("decode reasons: %w", err)
	}
	return reasons, nil
}

func decodeNames(encoded gjson.Result) (names *wording.Names, err error) {
	names = &wording.Names{}
	encoded.ForEach(func(name, value gjson.Result) bool {
		err = names.Set(name.Str, value.Str)
		return err == nil
	})
	return names, err
}
