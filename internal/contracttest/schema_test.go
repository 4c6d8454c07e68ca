package contracttest

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"portal-invites/internal/events"
)

// schemaOf compiles a type's schema. The test fails if the schema or one of its references is invalid.
func schemaOf(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile("../../api/schemas/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// faults returns every field that a schema refuses in a document; none if the document is valid.
func faults(t *testing.T, schema *jsonschema.Schema, document string) []string {
	t.Helper()
	err := schema.Validate(decode(t, document))
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		if err != nil {
			t.Fatal(err)
		}
		return nil
	}
	fields := map[string]bool{}
	leaves(invalid, fields)
	return slices.Sorted(maps.Keys(fields))
}

func leaves(e *jsonschema.ValidationError, fields map[string]bool) {
	for _, cause := range e.Causes {
		leaves(cause, fields)
	}
	if len(e.Causes) > 0 {
		return
	}
	path := ""
	for _, step := range e.InstanceLocation {
		path = join(path, step)
	}
	missing, ok := e.ErrorKind.(*kind.Required)
	if !ok {
		fields[path] = true
		return
	}
	for _, name := range missing.Missing {
		fields[join(path, name)] = true
	}
}

// refused returns the fields that the workers' own validation names.
func refused(typ events.Type, document string) []string {
	data, err := events.DecodeData(typ, []byte(document))
	if err = events.Strict(events.Event{Data: data}, err); err == nil {
		return nil
	}
	var fields []string
	for _, problem := range events.Problems(err) {
		fields = append(fields, problem.Field)
	}
	return fields
}

// property is a field that a schema declares.
type property struct {
	path     string // with [0] for the entries of a list
	schema   *jsonschema.Schema
	required bool
}

// properties returns every field that a schema declares, at every depth.
func properties(schema *jsonschema.Schema) map[string]property {
	found := map[string]property{}
	collect(schema, "", found)
	return found
}

func collect(schema *jsonschema.Schema, path string, found map[string]property) {
	if schema.Ref != nil {
		collect(schema.Ref, path, found)
	}
	for _, part := range schema.AllOf {
		collect(part, path, found)
	}
	for name, field := range schema.Properties {
		at := join(path, name)
		// A field may be described in two places that both apply. The first one has its limits.
		if _, twice := found[at]; !twice {
			found[at] = property{path: at, schema: field, required: slices.Contains(schema.Required, name)}
		}
		collect(field, at, found)
	}
	if schema.Items2020 != nil {
		at := path + "[0]"
		found[at] = property{path: at, schema: schema.Items2020}
		collect(schema.Items2020, at, found)
	}
}

// resolved returns one constraint of a field's schema, or else of the schemas that it refers to.
func resolved[T any](schema *jsonschema.Schema, of func(*jsonschema.Schema) *T) *T {
	if v := of(schema); v != nil {
		return v
	}
	parts := schema.AllOf
	if schema.Ref != nil {
		parts = append([]*jsonschema.Schema{schema.Ref}, parts...)
	}
	for _, part := range parts {
		if v := resolved(part, of); v != nil {
			return v
		}
	}
	return nil
}
