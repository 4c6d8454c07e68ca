package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tidwall/gjson"

	"portal-invites/internal/rules"
)

// encodeReasons returns the reasons of each invite as they are stored.
func encodeReasons(invites []Invite) ([][]byte, error) {
	encoded := make([][]byte, len(invites))
	for n, i := range invites {
		if len(i.Reasons) == 0 {
			encoded[n] = []byte("[]")
			continue
		}
		var err error
		if encoded[n], err = json.Marshal(i.Reasons); err != nil {
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
