package events

import (
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"portal-invites/internal/rules"
)

// Every declared type has a row in the table, or is in the list of outcomes.
func TestEveryTypeHasItsRow(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "types.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []Type
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if typ, ok := spec.Type.(*ast.Ident); ok && typ.Name == "Type" {
				for _, name := range spec.Values {
					if literal, ok := name.(*ast.BasicLit); ok {
						declared = append(declared, Type(strings.Trim(literal.Value, `"`)))
					}
				}
			}
		}
		return true
	})
	listed := slices.Concat(IncomingTypes(), OutcomeTypes())
	for _, typ := range declared {
		if !slices.Contains(listed, typ) {
			t.Errorf("%s has no row in internal/events/table.go, and is not in its list of outcomes", typ)
		}
	}
	if !slices.Equal(declared, listed) {
		t.Errorf("types.go declares\n  %q\ntable.go lists, in rows and as outcomes,\n  %q", declared, listed)
	}
}

// The tests of this package that promise something of every type have cases for each type.
func TestEveryTypeIsTested(t *testing.T) {
	t.Parallel()
	for _, typ := range IncomingTypes() {
		if smallest[typ] == "" {
			t.Errorf("%s has no body in smallest, internal/events/bodies_test.go", typ)
		}
		r, err := typ.row()
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths(reflect.TypeOf(r.newData()), "") {
			item, _, _ := strings.Cut(path, ".")
			ofAnother := slices.ContainsFunc(table,
				func(o row) bool { return o.item != nil && o.item.field == item && o.item != r.item })
			wrong := slices.ContainsFunc(contract[typ],
				func(c wrong) bool { return anyIndex.ReplaceAllString(c.path, "[]") == path })
			if !wrong && !ofAnother && path != "survey.due_on" {
				t.Errorf("%s: contract in internal/events/fields_test.go has no wrong value for %s", typ, path)
			}
		}
	}
}

var anyIndex = regexp.MustCompile(`\[\d+\]`)

// paths returns the paths of all fields that hold a value, with [] for the entries of a list.
func paths(of reflect.Type, path string) []string {
	switch {
	case of.Kind() == reflect.Pointer:
		return paths(of.Elem(), path)
	case of.Kind() == reflect.Slice:
		return paths(of.Elem(), path+"[]")
	case of.Kind() != reflect.Struct || of == reflect.TypeFor[time.Time]():
		return []string{path}
	}
	var all []string
	for field := range of.Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			all = append(all, paths(field.Type, strings.TrimPrefix(path+"."+name, "."))...)
		}
	}
	return all
}

// Each row is for a fact, or for a request that does exactly one thing. It has just the fields of its sort.
func TestEveryRowIsComplete(t *testing.T) {
	t.Parallel()
	for _, r := range table {
		sends, fact := r.process != "", r.prefix == Facts
		replays := r.recipientsField == byOutcomes
		_, _, tells := InstructionOf(r.newData())
		var does int
		for _, is := range []bool{fact, sends, r.removes, replays, tells} {
			if is {
				does++
			}
		}
		switch {
		case does != 1:
			t.Errorf("%s: its row must be exactly one of: a fact, invites of a process, a removal, a replay, an instruction",
				r.typ)
		case (fact || tells) != (r.recipientsField == ""), fact && r.item != nil, !fact && r.changesAccess:
			t.Errorf("%s: only a request may have recipientsField or item, and only a fact changesAccess", r.typ)
		case (r.prefix == Requests) != (r.recipientsField == byName):
			t.Errorf("%s: portal.%s must have exactly the requests that name their recipients", r.typ, Requests)
		case (sends && r.recipientsField == byName) != (r.kind != ""):
			t.Errorf("%s: a row must have a kind if its request invites by name, and only then", r.typ)
		case r.item != nil && !sends:
			t.Errorf("%s: has an item, but no mail could name it", r.typ)
		}
	}
}

// Every process belongs to a type. Without one, nothing would ever use the process.
func TestEveryProcessIsOfAType(t *testing.T) {
	t.Parallel()
	var of []rules.Process
	for _, typ := range InvitingTypes() {
		process, err := typ.Process()
		if err != nil {
			t.Fatal(err)
		}
		of = append(of, process)
	}
	slices.Sort(of)
	if of = slices.Compact(of); !slices.Equal(of, rules.Processes()) {
		t.Errorf("table.go has the processes\n  %q\nthe rules (internal/rules/process.go)\n  %q", of, rules.Processes())
	}
}

// Every item of a request is a field of its own, which belongs to one type.
func TestEveryItemIsOfOneType(t *testing.T) {
	t.Parallel()
	var fields, items []string
	for field := range reflect.TypeFor[Request]().Fields() {
		if field.Type.Implements(reflect.TypeFor[thing]()) {
			name := field.Tag.Get("json")
			fields = append(fields, name[:len(name)-len(",omitempty")])
		}
	}
	for _, typ := range IncomingTypes() {
		field := typ.ItemField()
		if field == "" {
			continue
		}
		items = append(items, field)
		request := &Request{}
		request.PutItem(typ, "id", "Return")
		if name, _, err := request.Item(typ); name != "Return" || err != nil {
			t.Errorf("%s: PutItem wrote %q, but Item reads %q (%v)", typ, "Return", name, err)
		}
	}
	if !slices.Equal(fields, items) {
		t.Errorf("Request (requests.go) can hold\n  %q\nthe rows of table.go share\n  %q", fields, items)
	}
}

// An item of another type is an unknown field, and no mail names it. Surveys have no due date.
func TestItemReadsOnlyTheTypesOwnField(t *testing.T) {
	t.Parallel()
	request := &Request{
		File: &File{Name: "File"}, Esign: &Task{Title: "Esign", DueOn: "2026-04-15"},
		Survey: &Task{Title: "Survey", DueOn: "2026-04-15"},
	}
	for typ, want := range map[Type][2]string{
		InviteRequested: {}, FileShared: {"File", ""}, EsignRequested: {"Esign", "2026-04-15"},
		ClientRequestSent: {}, ClientSurveySent: {"Survey", ""},
	} {
		if name, dueOn, err := request.Item(typ); name != want[0] || dueOn != want[1] || err != nil {
			t.Errorf("%s names %q, due %q (%v), want %q", typ, name, dueOn, err, want)
		}
	}
}

// The table says nothing about a type that upstream may not publish.
func TestAnUnknownTypeHasNoProperties(t *testing.T) {
	t.Parallel()
	for _, typ := range []Type{"", "NobodySaysThis", InviteSent} {
		_, process := typ.Process()
		_, kind := typ.Kind()
		_, prefix := typ.Prefix()
		_, _, item := new(Request).Item(typ)
		_, data := DecodeData(typ, []byte(`{}`))
		for what, err := range map[string]error{
			"process": process, "kind": kind, "prefix": prefix, "item": item, "data": data,
		} {
			if err == nil {
				t.Errorf("%q has a %s", typ, what)
			}
		}
		if typ.ChangesAccess() || typ.Removes() || typ.NamesPeople() || typ.Previewed() || typ.Explained() ||
			typ.RecipientsField() != "" || typ.ItemField() != "" {
			t.Errorf("%q has a property", typ)
		}
	}
}
