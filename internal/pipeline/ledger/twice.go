package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"portal-invites/internal/events"
	"portal-invites/internal/store"
)

// Requests finds stored requests: a store or a transaction.
type Requests interface {
	OtherRequests(ctx context.Context, requests []store.Request) (map[int]store.Request, error)
	ContentHash(ctx context.Context, content []byte) ([]byte, error)
}

// RefuseUsedIDs returns an [events.RefusedError] for those events whose source and id are on record for something else.
// A mail made of two requests would tell one client what is another's (ADR 90).
func RefuseUsedIDs(ctx context.Context, in Requests, list []events.Event) error {
	if len(list) == 0 {
		return nil
	}
	requests := make([]store.Request, len(list))
	for i, e := range list {
		requests[i] = RequestOf(e)
	}
	others, err := in.OtherRequests(ctx, requests)
	if err != nil {
		return err
	}
	refused := events.RefusedError{}
	for i, stored := range others {
		same, err := sameRequest(ctx, in, stored, list[i])
		if err != nil {
			return err
		}
		if !same {
			refused[list[i].At.Sequence] = usedTwice(stored, list[i])
		}
	}
	if len(refused) == 0 {
		return nil
	}
	return refused
}

// sameRequest compares what today's code reads of a stored request and of an event. They may differ in fields that
// nobody reads. Of a request from which a person was erased, the hash of the whole content is compared.
func sameRequest(ctx context.Context, in Requests, stored store.Request, e events.Event) (bool, error) {
	if stored.Type != string(e.Type) {
		return false, nil
	}
	if stored.Content == nil {
		data, err := events.DecodeData(e.Type, stored.Data)
		return err == nil && reflect.DeepEqual(data, e.Data), nil
	}
	content, err := events.ContentOf(e.Type, e.Data)
	if err != nil {
		return false, err
	}
	hash, err := in.ContentHash(ctx, content)
	return bytes.Equal(hash, stored.Content), err
}

// usedTwice names both requests. It has no values, because the reason of a dead letter has none.
func usedTwice(stored store.Request, e events.Event) error {
	different := differentFields(stored.Data, e.Raw)
	if stored.Type != string(e.Type) {
		different = append([]string{"type"}, different...)
	}
	return fmt.Errorf("ce-id: this ce-source and ce-id are those of another request: %s at sequence %d. "+
		"This one is %s at sequence %d. They differ in %s. Publish it again under a ce-id of its own",
		stored.Type, stored.At.Sequence, e.Type, e.At.Sequence, strings.Join(different, ", "))
}

// differentFields returns the names of the fields that differ in two JSON objects.
func differentFields(a, b json.RawMessage) []string {
	var left, right map[string]any
	if json.Unmarshal(a, &left) != nil || json.Unmarshal(b, &right) != nil {
		return []string{"data"}
	}
	var names []string
	for name, value := range left {
		if other, has := right[name]; !has || !reflect.DeepEqual(value, other) {
			names = append(names, name)
		}
	}
	for name := range maps.Keys(right) {
		if _, has := left[name]; !has {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
