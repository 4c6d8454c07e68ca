package contracttest

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/micro"

	services "portal-invites/internal/api"
	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

// endpoint is an endpoint of the services, with the types of the Go client's method for it.
type endpoint struct {
	name            string
	request, answer reflect.Type
}

// endpoints returns the endpoints that the code names.
func endpoints(t *testing.T) []endpoint {
	t.Helper()
	var found []endpoint
	client := reflect.TypeFor[services.Client]()
	named := regexp.MustCompile(`(?m)^\t(\w+)Endpoint\s+= "(\w+)"$`)
	for _, c := range named.FindAllStringSubmatch(readFile(t, "../api/types.go"), -1) {
		method, ok := client.MethodByName(c[1])
		if !ok {
			t.Fatalf("the client has no method for %s", c[2])
		}
		found = append(found, endpoint{c[2], method.Type.In(3), method.Type.Out(0)})
	}
	if len(found) != client.NumMethod() {
		t.Fatalf("the code names %d endpoints, but its client has %d methods", len(found), client.NumMethod())
	}
	return found
}

// described returns the types that several requests and answers contain. The page describes their fields once, below
// the heading.
func described() map[reflect.Type]string {
	return map[reflect.Type]string{
		reflect.TypeFor[services.Page]():         "### Pages",
		reflect.TypeFor[services.Freshness]():    "### Facts on their way",
		reflect.TypeFor[services.Person]():       "### People",
		reflect.TypeFor[rules.Reason]():          "### InviteSkipped",
		reflect.TypeFor[rules.Warning]():         "### Warnings",
		reflect.TypeFor[services.RunRecipient](): "### What became of a recipient",
		reflect.TypeFor[events.Cause]():          "### Fields of every outcome",
		reflect.TypeFor[events.Recipient]():      "### Fields of every request",
		reflect.TypeFor[events.Message]():        "### Fields of every request",
		reflect.TypeFor[events.Selection]():      "### BulkInviteRequested",
		reflect.TypeFor[events.Filter]():         "### ReplayRequested",
		reflect.TypeFor[services.AsOf]():         "### Reading on",
	}
}

// jsonField is a field of a Go type in its JSON form.
type jsonField struct {
	path   string // with [] for the entries of a list
	always bool   // the field is there even if it is empty
	typ    reflect.Type
}

// jsonFields returns a type's fields at every depth, without the fields of types that the page describes elsewhere.
func jsonFields(typ reflect.Type, path string) []jsonField {
	var found []jsonField
	for f := range typ.Fields() {
		if f.Anonymous {
			found = append(found, jsonField{"", false, f.Type})
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue // not exported, or not in JSON
		}
		inner, at := f.Type, join(path, name)
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		deeper := at
		if inner.Kind() == reflect.Slice && inner.Elem().Kind() == reflect.Struct {
			inner, deeper = inner.Elem(), at+"[]"
		}
		found = append(found, jsonField{at, options == "", inner})
		if _, elsewhere := described()[inner]; !elsewhere && isObject(inner) {
			found = append(found, jsonFields(inner, deeper)...)
		}
	}
	return found
}

func isObject(typ reflect.Type) bool {
	return typ.Kind() == reflect.Struct && typ != reflect.TypeFor[time.Time]() && typ != reflect.TypeFor[uuid.UUID]()
}

// halves returns the two parts of an endpoint's section: about the request, and about the answer.
func halves(t *testing.T, e endpoint) (asks, answers string) {
	t.Helper()
	text := section(t, contract(t), "### "+e.name)
	_, text, begun := strings.Cut(text, "\n**Asks**")
	asks, answers, both := strings.Cut(text, "\n**Answers**")
	if !begun || !both {
		t.Fatalf("%s: the section lacks **Asks** or **Answers**", e.name)
	}
	return asks, answers
}

func TestContractDescribesEveryEndpoint(t *testing.T) {
	t.Parallel()
	page := contract(t)
	overview := section(t, page, "## Services")
	if !strings.Contains(overview, "`"+services.Name+"`") {
		t.Errorf("the page does not name the service %s", services.Name)
	}
	for _, e := range endpoints(t) {
		anchor := e.name
		if e.name == services.OutcomesEndpoint {
			anchor += "-1" // the page has a section of that name about the events
		}
		if !strings.Contains(overview, "\n| [`"+e.name+"`](#"+anchor+") |") {
			t.Errorf("%s: is not in the table of endpoints", e.name)
		}
		if !strings.Contains(section(t, page, "### "+e.name), "`"+services.Subject("<firm>", e.name)+"`") {
			t.Errorf("%s: the section does not have its subject", e.name)
		}
		asks, answers := halves(t, e)
		checkFields(t, e.name+" asks", asks, "required", jsonFields(e.request, ""))
		checkFields(t, e.name+" answers", answers, "always", jsonFields(e.answer, ""))
	}
}

// checkFields compares the rows of a table with the fields of a type: each field has one row, and there are no others.
func checkFields(t *testing.T, where, text, always string, fields []jsonField) {
	t.Helper()
	rows := map[string][]string{}
	form := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]*) \\| ?(.*)\\|$")
	for _, row := range form.FindAllStringSubmatch(text, -1) {
		rows[row[1]] = row
	}
	delete(rows, string(services.Opened)) // the results of redeeming have a table of their own
	for _, r := range []services.Redemption{
		services.LinkExpired, services.LinkReplaced, services.AccessSuspended, services.AccessIsRemoved, services.LinkInvalid,
		services.OtherPerson,
	} {
		delete(rows, string(r))
	}
	for _, f := range fields {
		heading, elsewhere := described()[f.typ]
		link := "](#" + anchorOf(strings.TrimLeft(heading, "# ")) + ")"
		if f.path == "" {
			if !strings.Contains(text, link) {
				t.Errorf("%s: has no link to %s", where, heading)
			}
			continue
		}
		row := rows[f.path]
		delete(rows, f.path)
		switch {
		case row == nil:
			t.Errorf("%s: no row for %s", where, f.path)
		case (row[2] == always) != f.always:
			t.Errorf("%s: the row for %s has %q, but the field is always there: %v", where, f.path, row[2], f.always)
		case elsewhere && !strings.Contains(row[0], link):
			t.Errorf("%s: the row for %s has no link to %s", where, f.path, heading)
		}
	}
	for path := range rows {
		t.Errorf("%s: a row for %s, which does not exist", where, path)
	}
}

// The types that requests and answers share are described under the headings to which they link.
func TestContractDescribesTheTypesThatEndpointsShare(t *testing.T) {
	t.Parallel()
	page := contract(t)
	for typ, heading := range described() {
		text := section(t, page, heading)
		for _, f := range jsonFields(typ, "") {
			if !regexp.MustCompile("(?m)^\\| `([a-z]+(\\[\\])?\\.)?" + regexp.QuoteMeta(f.path) + "` \\|").MatchString(text) {
				t.Errorf("%s: no row for %s of %s", heading, f.path, typ)
			}
		}
	}
}

// The page names every value that a field may have, and every limit.
func TestContractNamesTheValuesOfTheServices(t *testing.T) {
	t.Parallel()
	text := section(t, contract(t), "## Services")
	constant := regexp.MustCompile(`(?m)^\t\w+(?:\s+\w+)?\s+= "(\w+)"`)
	for _, value := range constant.FindAllStringSubmatch(readFile(t, "../api/types.go"), -1) {
		if !strings.Contains(text, "`"+value[1]+"`") {
			t.Errorf("%s is not named", value[1])
		}
	}
	for _, c := range []struct{ file, constant, text string }{
		{"types.go", "DefaultLimit = 100", "1 to 1,000; 100 if left out"},
		{"types.go", "MaxLimit     = 1000", "1 to 1,000"},
		{"redeem.go", "longestToken = 512", "up to 512 characters"},
		{"deadletters.go", "longestBy   = 300", "up to 300 characters"},
		{"deadletters.go", "longestNote = 1000", "up to 1,000 characters"},
		{"wait.go", "deadline = 20 * time.Second", "it took more than 20 seconds"},
		{"wait.go", "turnPatience = 5 * time.Second", "for 5 seconds"},
		{"wait.go", "longestCall = turnPatience + deadline", "Wait at least 25 seconds"},
		{"service.go", "selectionsAtOnce, selectionsOfFirm = 2, 1", "explains 2 selections at once, and one of a firm"},
		{"service.go", "quickAtOnce, quickOfFirm = 6, 3", "6 calls at once, 3 of a firm"},
		{"types.go", "LongestPoll = time.Minute", "a duration of up to 1 minute"},
		{"later.go", "mostWatching, mostWatchingOfFirm = 2000, 20", "20 calls of a firm may wait"},
		{"turns.go", "mostOctetsOfFirm = 8 << 20", "up to 8 MiB"},
		{"service.go", "mostInLine, mostSelections = 500, 20", "500 calls of a firm, and 20 selections"},
		{"call.go", "callsASecond      = 500", "500 calls a second"},
		{"call.go", "callsAtOnceOfFirm = 1000", "after a burst of 1,000"},
		{"redeem.go", "linkEvery = time.Second", "once a second"},
		{"redeem.go", "linkBurst = 20", "after a burst of 20"},
	} {
		if !strings.Contains(readFile(t, "../api/"+c.file), c.constant) {
			t.Errorf("%s has changed: does the page still have the right value?", c.constant)
		}
		if !strings.Contains(text, c.text) {
			t.Errorf("the page does not have %q", c.text)
		}
	}
}

// The page names every type that can be explained.
func TestContractNamesWhatCanBeExplained(t *testing.T) {
	t.Parallel()
	asks, _ := halves(t, endpoint{name: "explain"})
	row := regexp.MustCompile("(?m)^\\| `type` \\|.*$").FindString(asks)
	for _, typ := range events.IncomingTypes() {
		if named := strings.Contains(row, "`"+string(typ)+"`"); named != typ.Explained() {
			t.Errorf("docs/contract.md, explain: the row of type names %s: %t, but it can be explained: %t",
				typ, named, typ.Explained())
		}
	}
}

func TestContractNamesTheErrorsOfTheServices(t *testing.T) {
	t.Parallel()
	text := section(t, contract(t), "### Errors")
	documented, known := map[string]bool{}, map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\d+)` \\|").FindAllStringSubmatch(text, -1) {
		documented[row[1]] = true
	}
	constant := regexp.MustCompile(`(?m)^\tcode\w+\s+= (\d+)$`)
	for _, code := range constant.FindAllStringSubmatch(readFile(t, "../api/problem.go"), -1) {
		known[code[1]] = true
	}
	if !maps.Equal(documented, known) || len(known) == 0 {
		t.Errorf("the page has the codes %q, the code has %q",
			slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(known)))
	}
	path := []string{"components", "messages", "ServiceError", "headers", "properties", micro.ErrorCodeHeader, "enum"}
	declared, _ := valueAt(readAsyncAPI(t), path...).([]any)
	for _, code := range declared {
		if code, _ := code.(string); !known[code] {
			t.Errorf("api/asyncapi.yaml: ServiceError has the code %s, the code has %q", code, slices.Sorted(maps.Keys(known)))
		}
	}
	if len(declared) != len(known) {
		t.Errorf("api/asyncapi.yaml: ServiceError has %d codes, the code has %d", len(declared), len(known))
	}
}

// The page has examples of a request and an answer in turns. Each has exactly the fields of the code's type.
func TestExamplesOfTheServices(t *testing.T) {
	t.Parallel()
	for _, e := range endpoints(t) {
		block := regexp.MustCompile("(?s)```json\n(.*?)```")
		blocks := block.FindAllStringSubmatch(section(t, contract(t), "### "+e.name), -1)
		if len(blocks) < 2 || len(blocks)%2 != 0 {
			t.Errorf("%s: has %d examples, want pairs of a request and an answer", e.name, len(blocks))
		}
		for i, block := range blocks {
			typ := e.request
			if i%2 == 1 {
				typ = e.answer
			}
			checkExample(t, e.name, typ, block[1])
		}
	}
}

func checkExample(t *testing.T, name string, typ reflect.Type, document string) {
	t.Helper()
	value := reflect.New(typ).Interface()
	decoder := json.NewDecoder(bytes.NewBufferString(document))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		t.Errorf("%s: %v in\n%s", name, err, document)
		return
	}
	again, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(decode(t, string(again)), decode(t, document)) {
		t.Errorf("%s: the code writes\n%s\nthe page has\n%s", name, again, document)
	}
	switch v := value.(type) {
	case *services.PreviewRequest:
		if _, err := events.DecodeData(v.Type, v.Data); err != nil {
			t.Errorf("%s: the workers refuse the example's data: %v", name, err)
		}
	case *services.ExplainAnswer:
		if c := v.Totals; c.Selected != c.WouldSend+c.WouldSkip || c.WouldSkip != sum(c.ByReason) {
			t.Errorf("%s: the sums are wrong: %+v", name, *c)
		}
	case *services.RunsAnswer:
		for _, r := range v.Runs {
			if r.Selected != r.Sent+r.Skipped+r.Failed+r.Pending || r.Skipped != sum(r.ByReason) {
				t.Errorf("%s: the sums are wrong: %+v", name, r)
			}
		}
	}
}

func sum(byReason map[rules.Code]int) int {
	all := 0
	for _, n := range byReason {
		all += n
	}
	return all
}
