package examples_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"portal-invites/examples"
	"portal-invites/internal/address"
	"portal-invites/internal/events"
	"portal-invites/internal/importer"
	"portal-invites/internal/rules"
)

var update = flag.Bool("update", false, "write acme/expected.json anew")

// story has the outcomes of the example's three steps, in order.
type story struct{ individual, bulk, afterFixes []outcome }

func play(t *testing.T) story {
	t.Helper()
	acme := acmeFiles(t)
	f := &firm{book: rules.NewBook()}
	f.apply(t, dataEvent(t, acme, examples.AcmeFirmFile, events.FirmUpserted))
	f.load(clients(t, acme))
	for _, e := range lineEvents(t, acme, examples.AcmeFacts) {
		f.apply(t, e)
	}
	for _, e := range lineEvents(t, acme, examples.AcmeRequests) {
		f.request(t, e)
	}
	var s story
	s.individual = f.take()
	bulk := dataEvent(t, acme, examples.AcmeBulk, events.BulkInviteRequested)
	f.bulk(t, bulk)
	s.bulk = f.take()
	for _, e := range lineEvents(t, acme, examples.AcmeFixes) {
		f.apply(t, e)
	}
	bulk.ID = "bulk-2"
	f.bulk(t, bulk)
	s.afterFixes = f.take()
	return s
}

func TestExpectedSums(t *testing.T) {
	t.Parallel()
	s := play(t)
	got := examples.Expected{Individual: sums(s.individual), Bulk: sums(s.bulk), BulkAfterFixes: sums(s.afterFixes)}
	if *update {
		content, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join("acme", "expected.json"), append(content, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := examples.AcmeExpected()
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the rules give\n%+v\nand expected.json has\n%+v\nIf the rules are right: go test ./examples -update",
			got, want)
	}
}

func sums(outcomes []outcome) examples.Sums {
	s := examples.Sums{Selected: len(outcomes), ByReason: map[rules.Code]int{}}
	for _, o := range outcomes {
		if len(o.reasons) == 0 {
			s.Sent++
			continue
		}
		s.Skipped++
		s.ByReason[o.reasons[0]]++
	}
	return s
}

// TestFixesSendExactlyTwo checks the point of the example: after the fixes, exactly the fixed people get a mail, and
// nobody gets a second one.
func TestFixesSendExactlyTwo(t *testing.T) {
	t.Parallel()
	var sent []string
	for _, o := range play(t).afterFixes {
		if len(o.reasons) == 0 {
			sent = append(sent, o.clientID+" "+o.who)
		}
	}
	if want := []string{"C-1004 P-2005", "C-1006 P-2009"}; !slices.Equal(sent, want) {
		t.Errorf("the second run sends to %v, want %v", sent, want)
	}
}

// TestMessyCases compares the table in acme/README.md with the rules' outcomes.
func TestMessyCases(t *testing.T) {
	t.Parallel()
	s := play(t)
	readme, err := os.ReadFile(filepath.Join("acme", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string][]string{}
	section := ""
	for line := range strings.Lines(string(readme)) {
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			section = strings.TrimSpace(heading)
		}
		for cell := range strings.SplitSeq(line, "|") {
			text := strings.Trim(strings.TrimSpace(cell), "`")
			if strings.HasPrefix(text, "C-") && strings.Contains(text, ": ") {
				documented[section] = append(documented[section], strings.Split(text, "<br>")...)
			}
		}
	}
	for section, outcomes := range map[string][]outcome{"The bulk run": s.bulk, "The individual requests": s.individual} {
		var happened []string
		for _, o := range outcomes {
			happened = append(happened, o.String())
		}
		if len(documented[section]) < 20 {
			t.Errorf("README section %q documents %d outcomes, want at least 20", section, len(documented[section]))
		}
		for _, line := range documented[section] {
			line = strings.Trim(strings.TrimSpace(line), "`")
			if !slices.Contains(happened, line) {
				t.Errorf("README has under %q: %s\nbut the rules give another outcome", section, line)
			}
		}
	}
}

// TestEmailsAreExamples checks that no example has a real address.
func TestEmailsAreExamples(t *testing.T) {
	t.Parallel()
	for _, c := range clients(t, acmeFiles(t)).Contacts {
		if email := address.Parse(c.Email); email.Normal != "" && !strings.HasSuffix(email.Normal, ".example") {
			t.Errorf("contact %s has an email that may be real", c.ContactID)
		}
	}
}

func acmeFiles(t *testing.T) fs.FS {
	t.Helper()
	acme, err := examples.Acme()
	if err != nil {
		t.Fatal(err)
	}
	return acme
}

func read(t *testing.T, acme fs.FS, name string) []byte {
	t.Helper()
	content, err := fs.ReadFile(acme, name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// clients reads the export. Every row must be valid.
func clients(t *testing.T, acme fs.FS) *importer.Import {
	t.Helper()
	read, err := importer.Read(bytes.NewReader(read(t, acme, examples.AcmeClients)), importer.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range read.Problems {
		t.Errorf("%s: %s", examples.AcmeClients, p)
	}
	return read
}

// lineEvents decodes a file of structured events, one a line, in the same way as the workers.
func lineEvents(t *testing.T, acme fs.FS, name string) []events.Event {
	t.Helper()
	var decoded []events.Event
	for line := range bytes.Lines(read(t, acme, name)) {
		var envelope struct{ Type string }
		if err := json.Unmarshal(line, &envelope); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		typ := events.Type(strings.TrimSuffix(strings.TrimPrefix(envelope.Type, "portal."), ".v1"))
		subject, err := events.Subject(examples.AcmeFirm, typ)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		e, err := events.Decode(subject, nil, line)
		if err != nil {
			t.Fatalf("%s line %d: %v", name, len(decoded)+1, err)
		}
		decoded = append(decoded, e)
	}
	return decoded
}

// dataEvent decodes a file that holds the data of one event.
func dataEvent(t *testing.T, acme fs.FS, name string, typ events.Type) events.Event {
	t.Helper()
	subject, err := events.Subject(examples.AcmeFirm, typ)
	if err != nil {
		t.Fatal(err)
	}
	msg, err := events.Outgoing{
		Subject: subject, Type: typ, Source: "acme/practice", ID: name, Time: now, Data: json.RawMessage(read(t, acme, name)),
	}.Message()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	e, err := events.Decode(msg.Subject, msg.Header, msg.Data)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return e
}
