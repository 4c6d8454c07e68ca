package contracttest

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"portal-invites/internal/events"
	"portal-invites/internal/rules"
)

func contract(t *testing.T) string {
	t.Helper()
	return readFile(t, "../../docs/contract.md")
}

// section returns the text below a heading, up to the next heading of the same or a higher level.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	_, after, found := strings.Cut(page, "\n"+heading+"\n")
	if !found {
		for _, file := range []string{"docs/contract.md", "docs/configuration.md", "docs/invitectl.md"} {
			if strings.Contains(readFile(t, "../../"+file), page) {
				t.Fatalf("%s has no heading %q", file, heading)
			}
		}
		t.Fatalf("a page has no heading %q", heading)
	}
	level := strings.IndexByte(heading, ' ')
	if end := regexp.MustCompile(`(?m)^#{2,` + string(rune('0'+level)) + `} `).FindStringIndex(after); end != nil {
		return after[:end[0]]
	}
	return after
}

// shared returns the headings of the sections with a type's common fields.
func shared(typ events.Type) []string {
	prefix, err := typ.Prefix()
	switch {
	case typ == events.RunCompleted, typ == events.RunRevised, typ == events.RunPaused:
		return []string{"### RunProgressed"}
	case typ == events.RunResumed, typ == events.RunCancelled, typ == events.RunScheduled:
		return []string{"### RunProgressed", "### RunPaused"}
	case typ == events.RunResumeRequested, typ == events.RunCancelRequested, typ == events.RunScheduleRequested:
		return []string{"### RunPauseRequested"}
	case typ == events.RunProgressed || prefix == events.Facts:
		return nil
	case err == nil:
		return []string{"### Fields of every request"}
	default:
		return []string{"### Fields of every outcome"}
	}
}

// Each type has a section with its subject, its schema and example, and a row for each field that says whether it is
// required.
func TestContractDescribesEveryField(t *testing.T) {
	t.Parallel()
	page := contract(t)
	find := section(t, page, "## Find it")
	for _, typ := range slices.Concat(events.IncomingTypes(), events.OutcomeTypes()) {
		text := section(t, page, "### "+string(typ))
		for _, want := range []string{
			"." + string(typ), "(../api/schemas/" + string(typ) + ".json)", "(../api/examples/" + string(typ) + ".json)",
		} {
			if !strings.Contains(text, want) {
				t.Errorf("docs/contract.md: the section of %s lacks %s", typ, want)
			}
		}
		if _, err := typ.Prefix(); err == nil &&
			!strings.Contains(find, "["+string(typ)+"](#"+strings.ToLower(string(typ))+")") {
			t.Errorf("docs/contract.md: %s is not under Find it", typ)
		}
		for _, heading := range shared(typ) {
			text += section(t, page, heading)
		}
		for path, p := range properties(schemaOf(t, string(typ))) {
			checkRow(t, typ, text, strings.ReplaceAll(path, "[0]", "[]"), p.required)
		}
	}
}

func checkRow(t *testing.T, typ events.Type, text, path string, required bool) {
	t.Helper()
	row := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(path) + "` \\| ([^|]*) \\|").FindStringSubmatch(text)
	if row == nil {
		// The row of a list also describes its entries, unless there is more to say.
		if !strings.HasSuffix(path, "[]") {
			t.Errorf("docs/contract.md, %s: no row for %s", typ, path)
		}
		return
	}
	if documented := row[1] == "required" || row[1] == "always"; documented != required {
		t.Errorf("%s: the row for %s has %q, but in the schema, required is %v", typ, path, row[1], required)
	}
}

// There is no row for a field that no type has.
func TestContractDescribesNothingElse(t *testing.T) {
	t.Parallel()
	page := contract(t)
	known := map[string]bool{}
	for _, typ := range slices.Concat(events.IncomingTypes(), events.OutcomeTypes()) {
		for path := range properties(schemaOf(t, string(typ))) {
			known[strings.ReplaceAll(path, "[0]", "[]")] = true
		}
	}
	for _, heading := range []string{"## Facts", "## Requests", "## Outcomes"} {
		rows := regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")
		for _, row := range rows.FindAllStringSubmatch(section(t, page, heading), -1) {
			if !known[row[1]] {
				t.Errorf("%s: a row for %s, which no type has", heading, row[1])
			}
		}
	}
}

func TestContractExplainsEveryReason(t *testing.T) {
	t.Parallel()
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|.*\\| (settled|fixable) \\|")
	rows := row.FindAllStringSubmatch(section(t, contract(t), "## Reasons"), -1)
	var codes []rules.Code
	for _, row := range rows {
		code := rules.Code(row[1])
		codes = append(codes, code)
		if code.Settled() != (row[2] == "settled") {
			t.Errorf("%s: the contract calls it %s, the rules do not", code, row[2])
		}
	}
	if !slices.Equal(codes, rules.Codes()) {
		t.Errorf("docs/contract.md has the reasons\n  %q\nthe rules have\n  %q", codes, rules.Codes())
	}
}

// The row of license_required names the license that each type needs. Only an invite from the client record needs none.
func TestContractSaysWhichLicenseIsNeeded(t *testing.T) {
	t.Parallel()
	row := regexp.MustCompile("(?m)^\\| `license_required` \\|.*$").FindString(section(t, contract(t), "## Reasons"))
	documented := map[events.Type]string{}
	for _, pair := range regexp.MustCompile("`([a-z_]+)` for ([^,|]*)").FindAllStringSubmatch(row, -1) {
		for _, typ := range events.InvitingTypes() {
			if strings.Contains(pair[2], "`"+string(typ)+"`") || !typ.NamesPeople() && strings.Contains(pair[2], "bulk") {
				documented[typ] = pair[1]
			}
		}
	}
	for _, typ := range events.InvitingTypes() {
		process, err := typ.Process()
		if err != nil {
			t.Fatal(err)
		}
		gated := func(licenses ...string) bool {
			book := rules.NewBook()
			book.Firms["f"] = &rules.Firm{ID: "f", Licenses: append([]string{}, licenses...)}
			decision := book.Decide(rules.Ask{FirmID: "f", Process: process}, time.Time{}, rules.Policy{})
			return slices.ContainsFunc(decision.Reasons, func(r rules.Reason) bool { return r.Code == rules.LicenseRequired })
		}
		if gated() != (documented[typ] != "") || gated(documented[typ]) {
			t.Errorf("docs/contract.md, license_required: %s needs %q, but in the rules, it needs a license: %t",
				typ, documented[typ], gated())
		}
	}
}

// Whoever sends a locale finds whether there are mails in that language.
func TestContractNamesEveryLanguage(t *testing.T) {
	t.Parallel()
	text := section(t, contract(t), "### The language of a mail")
	catalogs, err := filepath.Glob("../mail/compose/catalog/*.yaml")
	if err != nil || len(catalogs) == 0 {
		t.Fatalf("there are no catalogs: %v", err)
	}
	for _, catalog := range catalogs {
		if tag := strings.TrimSuffix(filepath.Base(catalog), ".yaml"); !strings.Contains(text, "(`"+tag+"`)") {
			t.Errorf("docs/contract.md, The language of a mail: does not name %s", tag)
		}
	}
}

// The examples on the page are valid, each in the section of its type.
func TestExamplesOnThePage(t *testing.T) {
	t.Parallel()
	page := contract(t)
	for _, typ := range events.IncomingTypes() {
		block := regexp.MustCompile("(?s)```json\n(.*?)```").FindStringSubmatch(section(t, page, "### "+string(typ)))
		if block == nil {
			t.Errorf("%s: no example", typ)
			continue
		}
		if fields := refused(typ, block[1]); fields != nil {
			t.Errorf("%s: the workers refuse the example: %q", typ, fields)
		}
		if fields := faults(t, schemaOf(t, string(typ)), block[1]); fields != nil {
			t.Errorf("%s: the schema refuses the example: %q", typ, fields)
		}
	}
}

// Both envelopes on the page are the same event.
func TestEnvelopesOnThePage(t *testing.T) {
	t.Parallel()
	text := section(t, contract(t), "## Envelope")
	subject := regexp.MustCompile(`nats pub (\S+)`).FindStringSubmatch(text)
	data := regexp.MustCompile(`(?m)^  '(\{.*\})'$`).FindStringSubmatch(text)
	structured := regexp.MustCompile("(?s)```json\n(.*?)```").FindStringSubmatch(text)
	if subject == nil || data == nil || structured == nil {
		t.Fatal("an example is missing")
	}
	header := nats.Header{}
	for _, h := range regexp.MustCompile(`-H '([^:]+):([^']*)'`).FindAllStringSubmatch(text, -1) {
		header[h[1]] = []string{h[2]}
	}
	binary, err := events.Decode(subject[1], header, []byte(data[1]))
	if err != nil {
		t.Fatalf("binary mode: %v", err)
	}
	inBody, err := events.Decode(subject[1], nil, []byte(structured[1]))
	if err != nil {
		t.Fatalf("structured mode: %v", err)
	}
	if binary.ID != inBody.ID || binary.Source != inBody.Source || binary.Type != inBody.Type ||
		!binary.Time.Equal(inBody.Time) {
		t.Errorf("the two events differ:\n%+v\n%+v", binary, inBody)
	}
	if id := header.Get("Nats-Msg-Id"); id != binary.Firm+"/"+binary.Source+"/"+binary.ID {
		t.Errorf("Nats-Msg-Id is %q", id)
	}
}

func TestContractNamesTheTopology(t *testing.T) {
	t.Parallel()
	text := section(t, contract(t), "## Streams and subjects")
	for _, name := range []string{
		events.EventsStream, events.OutcomesStream, events.DeadLettersStream,
		events.FactsDurable, events.InviteDurable, events.BulkDurable,
	} {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("%s is not named", name)
		}
	}
	for _, prefix := range []events.Prefix{
		events.Facts, events.Requests, events.BulkRequests, events.Outcomes, events.Dead,
	} {
		if !strings.Contains(text, "`portal."+string(prefix)+".<firm>.<Type>`") {
			t.Errorf("the subjects of %s are not named", prefix)
		}
	}
}

// anchorOf returns a heading's anchor, as code hosts make it.
func anchorOf(heading string) string {
	heading = regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(heading), "")
	return strings.ReplaceAll(heading, " ", "-")
}
