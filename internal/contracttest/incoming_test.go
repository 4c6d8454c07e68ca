package contracttest

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/events"
)

func TestEveryExampleIsValid(t *testing.T) {
	t.Parallel()
	for _, typ := range events.IncomingTypes() {
		if fields := refused(typ, example(t, typ)); fields != nil {
			t.Errorf("the workers refuse the example of %s: %q", typ, fields)
		}
	}
	for _, typ := range slices.Concat(events.IncomingTypes(), events.OutcomeTypes()) {
		if fields := faults(t, schemaOf(t, string(typ)), example(t, typ)); fields != nil {
			t.Errorf("the schema of %s refuses its example: %q", typ, fields)
		}
	}
}

// There is no file of a type that does not exist.
func TestEveryFileBelongsToAType(t *testing.T) {
	t.Parallel()
	var want []string
	for _, typ := range slices.Concat(events.IncomingTypes(), events.OutcomeTypes()) {
		want = append(want, string(typ)+".json")
	}
	shared := []string{"fields.json", "outcome.json", "run.json"}
	for dir, want := range map[string][]string{"schemas": slices.Concat(want, shared), "examples": want} {
		entries, err := os.ReadDir(filepath.Join("../../api", dir))
		if err != nil {
			t.Fatal(err)
		}
		var have []string
		for _, entry := range entries {
			have = append(have, entry.Name())
		}
		slices.Sort(want)
		if !slices.Equal(have, want) {
			t.Errorf("api/%s has\n  %q\nwant\n  %q", dir, have, want)
		}
	}
}

// The schemas declare the fields that the workers read, and no others.
func TestSchemasDeclareWhatIsRead(t *testing.T) {
	t.Parallel()
	for _, typ := range events.IncomingTypes() {
		data, err := events.DecodeData(typ, []byte(example(t, typ)))
		if err != nil {
			t.Fatal(err)
		}
		read := map[string]bool{}
		fieldsOf(reflect.TypeOf(data), "", read)
		declared := properties(schemaOf(t, string(typ)))
		maps.DeleteFunc(read, func(path string, _ bool) bool { return ofAnotherType(typ, path) })
		if have, want := slices.Sorted(maps.Keys(declared)), slices.Sorted(maps.Keys(read)); !slices.Equal(have, want) {
			t.Errorf("api/schemas/%s.json declares\n  %q\nthe workers read\n  %q", typ, have, want)
		}
	}
}

// ofAnotherType says whether a field belongs to requests of another type. All requests have the same Go type.
func ofAnotherType(typ events.Type, path string) bool {
	field := steps(path)[0]
	owned := slices.ContainsFunc(events.IncomingTypes(), func(t events.Type) bool { return t.ItemField() == field })
	return owned && typ.ItemField() != field || path == "survey.due_on"
}

// fieldsOf collects the JSON paths of a Go type.
func fieldsOf(t reflect.Type, path string, into map[string]bool) {
	switch {
	case t.Kind() == reflect.Pointer:
		fieldsOf(t.Elem(), path, into)
	case t.Kind() == reflect.Slice:
		into[path+"[0]"] = true
		fieldsOf(t.Elem(), path+"[0]", into)
	case t.Kind() == reflect.Struct && t != reflect.TypeFor[time.Time]():
		for _, field := range reflect.VisibleFields(t) {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
				into[join(path, name)] = true
				fieldsOf(field.Type, join(path, name), into)
			}
		}
	}
}

// For some values, the workers act as if the field were left out, but the schemas refuse them. These are all of them.
func TestValuesThatCountAsLeftOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typ         events.Type
		path, value string
	}{
		{events.FirmUpserted, "locale", `null`},
		{events.FirmUpserted, "brand_color", `""`},
		{events.ClientUpserted, "active", `null`},
		{events.InviteRequested, "message", `null`},
		{events.EsignRequested, "esign.due_on", `""`},
	} {
		document := with(t, example(t, c.typ), c.path, c.value)
		if fields := refused(c.typ, document); fields != nil {
			t.Errorf("the workers refuse %s in %s = %s: %q", c.typ, c.path, c.value, fields)
		}
		if fields := faults(t, schemaOf(t, string(c.typ)), document); !slices.Equal(fields, []string{c.path}) {
			t.Errorf("the schema of %s with %s = %s refuses %q", c.typ, c.path, c.value, fields)
		}
	}
}

func TestUnknownFieldsAreIgnored(t *testing.T) {
	t.Parallel()
	for _, typ := range events.IncomingTypes() {
		document := with(t, example(t, typ), "since_v2", `{"deep": [1, null]}`)
		if fields := faults(t, schemaOf(t, string(typ)), document); fields != nil {
			t.Errorf("%s: %q", typ, fields)
		}
	}
}
