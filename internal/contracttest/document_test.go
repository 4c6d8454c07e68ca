package contracttest

import (
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"portal-invites/internal/events"
)

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func example(t *testing.T, typ events.Type) string {
	t.Helper()
	return readFile(t, "../../api/examples/"+string(typ)+".json")
}

// decode reads JSON and keeps numbers exactly as written.
func decode(t *testing.T, document string) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewBufferString(document))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatalf("%.200s: %v", document, err)
	}
	return v
}

// with sets a JSON value in a document, at a path like recipients[1].name. The value "" removes the field.
func with(t *testing.T, document, path, value string) string {
	t.Helper()
	changed, err := json.Marshal(put(decode(t, document), steps(path), json.RawMessage(value)))
	if err != nil {
		t.Fatalf("%s = %.100s: %v", path, value, err)
	}
	return string(changed)
}

func steps(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune(".[]", r) })
}

func put(at any, steps []string, value json.RawMessage) any {
	if len(steps) == 0 {
		return value
	}
	if i, err := strconv.Atoi(steps[0]); err == nil {
		list, _ := at.([]any)
		for len(list) <= i {
			list = append(list, nil)
		}
		list[i] = put(list[i], steps[1:], value)
		return list
	}
	object, _ := at.(map[string]any)
	if object == nil {
		object = map[string]any{}
	}
	if len(steps) == 1 && len(value) == 0 {
		delete(object, steps[0])
	} else {
		object[steps[0]] = put(object[steps[0]], steps[1:], value)
	}
	return object
}

// join adds a step to a path, in the form of the workers' errors: recipients[1].name.
func join(path string, step string) string {
	switch _, err := strconv.Atoi(step); {
	case err == nil:
		return path + "[" + step + "]"
	case path == "":
		return step
	default:
		return path + "." + step
	}
}
