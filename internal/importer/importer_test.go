package importer

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"
)

// render writes an import with one line for each fact and each problem, so that a case states the whole result.
func render(i *Import) string {
	var b strings.Builder
	for _, c := range i.Contacts {
		fmt.Fprintf(&b, "contact %s %q %q\n", c.ContactID, c.Name, c.Email)
	}
	for _, c := range i.Clients {
		state := ""
		if !c.IsActive() {
			state = " archived"
		}
		fmt.Fprintf(&b, "client %s %s %q%s:", c.ClientID, c.Kind, c.Name, state)
		for _, contact := range c.Contacts {
			mark := ""
			if contact.Primary {
				mark = "*"
			}
			fmt.Fprintf(&b, " %s%s", contact.ContactID, mark)
		}
		b.WriteByte('\n')
	}
	for _, p := range i.Problems {
		fmt.Fprintln(&b, p)
	}
	for _, l := range i.LeftOut {
		fmt.Fprintf(&b, "left out %s because of %v\n", l.ClientID, l.Lines)
	}
	return b.String()
}

func lines(list ...string) string { return strings.Join(list, "\n") + "\n" }

const header = "Client ID,Client name,Type,Status,Contact ID,Contact name,Email,Primary?\n"

func TestRowsBecomeFacts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, rows, want string }{
		{
			"all rows of a client make one fact, all rows of a contact one fact",
			"C1,Blue Bottle LLC,Business,Active,P1,Dana Wu,dana@x.example,Primary\n" +
				"C1,,,,P2,Lee Roy,lee@x.example,Other\n" +
				"C2,Dana Wu,Individual,,P1,Dana Wu,DANA@X.example,yes\n",
			lines(`contact P1 "Dana Wu" "dana@x.example"`, `contact P2 "Lee Roy" "lee@x.example"`,
				`client C1 business "Blue Bottle LLC": P1* P2`, `client C2 individual "Dana Wu": P1*`),
		},
		{
			"a client without contacts, and an archived one",
			"C1,Blue Bottle LLC,Company,,,,,\nC2,Old Mill Inc,Corporation,Archived,P1,Dana Wu,,x\n",
			lines(`contact P1 "Dana Wu" ""`, `client C1 business "Blue Bottle LLC":`,
				`client C2 business "Old Mill Inc" archived: P1*`),
		},
		{
			"a row with a missing or mistyped email is valid",
			"C1,Dana Wu,Person,,P1,Dana Wu,,Y\nC2,Lee Roy,Person,,P2,Lee Roy,lee@@x.example,Y\n",
			lines(`contact P1 "Dana Wu" ""`, `contact P2 "Lee Roy" "lee@@x.example"`,
				`client C1 individual "Dana Wu": P1*`, `client C2 individual "Lee Roy": P2*`),
		},
		{
			"a client with an unreadable Primary is left out, and the others are published",
			"C1,Dana Wu,Person,,P1,Dana Wu,d@x.example,perhaps\nC2,Lee Roy,Person,,P2,Lee Roy,l@x.example,Y\n",
			lines(`contact P2 "Lee Roy" "l@x.example"`, `client C2 individual "Lee Roy": P2*`,
				`line 2: primary: must be Primary or Other, or yes or no`, `left out C1 because of [2]`),
		},
		{
			"a client with a bad row is left out with its good rows",
			"C1,Acme Inc,Business,,P1,Dana Wu,d@x.example,Y\nC1,Acme Inc,Business,,P2,Lee Roy,l@x.example,maybe\n",
			lines(`line 3: primary: must be Primary or Other, or yes or no`, `left out C1 because of [3]`),
		},
		{
			"if a contact id has two emails, every client with it is left out, and no other",
			"C1,Dana Wu,Person,,P1,Dana Wu,d@x.example,Y\nC2,Acme Inc,Business,,P1,Dana Wu,other@x.example,Y\n" +
				"C3,Lee Roy,Person,,P2,Lee Roy,l@x.example,Y\n",
			lines(`contact P2 "Lee Roy" "l@x.example"`, `client C3 individual "Lee Roy": P2*`,
				`line 3: email: differs from line 2, which is the same contact`,
				`left out C1 because of [3]`, `left out C2 because of [3]`),
		},
		{
			"a client with two kinds, and a contact who is Primary in one row and Other in another",
			"C1,Acme Inc,Business,Active,P1,Dana Wu,d@x.example,Y\nC1,Acme Ltd,Person,Archived,P1,Dana Wu,d@x.example,N\n",
			lines(`line 3: client_name: differs from line 2, which is the same client`,
				`line 3: kind: differs from line 2, which is the same client`,
				`line 3: status: differs from line 2, which is the same client`,
				`line 3: primary: differs from line 2, which is the same contact on this client`,
				`left out C1 because of [3]`),
		},
		{
			"two equal rows are one contact",
			"C1,Dana Wu,Person,,P1,Dana Wu,d@x.example,Y\nC1,Dana Wu,Person,,P1,Dana Wu,d@x.example,Y\n",
			lines(`contact P1 "Dana Wu" "d@x.example"`, `client C1 individual "Dana Wu": P1*`),
		},
		{
			"a row without a client id belongs to the client above it, which is left out",
			"C1,Acme Inc,Business,,P1,Dana Wu,d@x.example,Y\n,,,,P2,Lee Roy,l@x.example,N\n" +
				"C2,Kim Ode,Person,,P3,Kim Ode,k@x.example,Y\n",
			lines(`contact P3 "Kim Ode" "k@x.example"`, `client C2 individual "Kim Ode": P3*`,
				`line 3: client_id: is empty; the row seems to belong to the client in line 2, which is left out`,
				`left out C1 because of [3]`),
		},
		{
			"a row without a client id belongs to the client with its name, even if that comes later",
			",Kim Ode,Person,,P4,Kim Ode,k@x.example,Y\nC1,Acme Inc,Business,,P1,Dana Wu,d@x.example,Y\n" +
				"C2,Kim Ode,Person,,P3,Kim Ode,k@x.example,Y\n",
			lines(`contact P1 "Dana Wu" "d@x.example"`, `client C1 business "Acme Inc": P1*`,
				`line 2: client_id: is empty; the row seems to belong to the client in line 4, which is left out`,
				`left out C2 because of [2]`),
		},
		{
			"a row without a client",
			",Total,,,,,,\nC1,Acme Inc,Business,,P1,Dana Wu,d@x.example,Y\n",
			lines(`contact P1 "Dana Wu" "d@x.example"`, `client C1 business "Acme Inc": P1*`, `line 2: client_id: is empty`),
		},
		{
			"values that the contract refuses are reported with their line",
			"C 1,Dana Wu,Person,,P1,,d@x.example,Y\nC2,Acme Inc,,,P2,Lee Roy,l@x.example,Y\n",
			lines(`line 2: contact_name: is empty`, `line 3: kind: must be one of: individual, business`,
				`left out C 1 because of [2]`, `left out C2 because of [3]`),
		},
		{
			"a space in an id",
			"C 1,Dana Wu,Person,,P1,Dana Wu,d@x.example,Y\n",
			lines(`line 2: client_id: has a space or a control character in it`, `left out C 1 because of [2]`),
		},
		{
			"a contact without an id in a file with ids, and unknown words",
			"C1,Dana Wu,Alien,Sleeping,,Dana Wu,d@x.example,Y\n",
			lines(`line 2: kind: must be Individual or Business (or Person, Company, LLC and the like)`,
				`line 2: status: must be Active, Archived or Inactive, or yes or no`,
				`line 2: contact_id: is empty, but the row has a name or an email`, `left out C1 because of [2]`),
		},
		{
			"a surplus comma shifts the cells",
			"C1,Wu, Dana,Person,,P1,Dana Wu,d@x.example,Y\n",
			lines(`line 2: row: has more cells than the header has columns: is there a separator in a cell without quotes?`,
				`left out C1 because of [2]`),
		},
		{
			"lines count as in an editor: with quoted line breaks and blank lines",
			"C1,\"Blue\nBottle\",Business,,P1,\"Wu, Dana\",d@x.example,Y\n\n,,,,,,,\n" +
				"C2,Lee Roy,Person,,P2,Lee Roy,l@x.example,hm\n",
			lines(`contact P1 "Wu, Dana" "d@x.example"`, `client C1 business "Blue Bottle": P1*`,
				`line 6: primary: must be Primary or Other, or yes or no`, `left out C2 because of [6]`),
		},
		{
			"trailing separators, missing cells and invisible spaces",
			"C1\u00a0,Dana  Wu,Person,,P1,\u200bDana Wu,\u00a0d@x.example\u00a0,Y,,,\nC2,Acme Inc,Business\n",
			lines(`contact P1 "Dana Wu" "d@x.example"`, `client C1 individual "Dana Wu": P1*`, `client C2 business "Acme Inc":`),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := Read(strings.NewReader(header+c.rows), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if text := render(got); text != c.want {
				t.Errorf("got:\n%swant:\n%s", text, c.want)
			}
		})
	}
}

func TestHeadersAreMatchedLoosely(t *testing.T) {
	t.Parallel()
	want := lines(`contact P1 "Dana Wu" "d@x.example"`, `client C1 business "Acme Inc": P1*`)
	for _, headers := range []string{
		"Client ID,Client name,Type,Status,Contact ID,Contact name,Email,Primary?",
		"client_id,client_name,kind,active,contact_id,contact_name,email,primary",
		"ClientNo,Client,Client Type,Client Status,Contact #,Contact,E-mail address,Contact type",
		"Account #,Account Name,Entity Type,Is Active,Person ID,Full Name,E-Mail,Is Primary",
		"ID,Company,Type,Status,Contact No.,Name,Email Address,Main contact",
		"Customer Number,Name,Kind,Active?,ID,Person,Mail,Role",
		"CLIENT-ID,BUSINESS NAME,ACCOUNT TYPE,ACCOUNT STATUS,CONTACT CODE,CONTACT NAME,CONTACT EMAIL,PRIMARY CONTACT",
	} {
		t.Run(headers, func(t *testing.T) {
			t.Parallel()
			got, err := Read(strings.NewReader(headers+"\nC1,Acme Inc,Business,Active,P1,Dana Wu,d@x.example,Yes\n"), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if text := render(got); text != want {
				t.Errorf("got:\n%swant:\n%s", text, want)
			}
		})
	}
}

func TestFirstAndLastNamesAreJoined(t *testing.T) {
	t.Parallel()
	got, err := Read(strings.NewReader(
		"Client ID,Client,Type,First name,Last name,Contact ID,Email,Primary,Archived,Phone\n"+
			"C1,Acme Inc,Business,Dana,Wu,P1,d@x.example,x,no,555-0100\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := lines(`contact P1 "Dana Wu" "d@x.example"`, `client C1 business "Acme Inc": P1*`)
	if text := render(got); text != want {
		t.Errorf("got:\n%swant:\n%s", text, want)
	}
	if len(got.Ignored) != 1 || got.Ignored[0] != "Phone" {
		t.Errorf("ignored %q, want Phone: a person should see which columns are not imported", got.Ignored)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, file, wantErr string }{
		{"empty", "", "header: the file is empty"},
		{"no email column", "Client,Type,Primary\n", "header: there is no column for the contact's email"},
		{"no kind column", "Client,Email,Primary\n", "header: there is no column for the client's kind"},
		{"no Primary column", "Client,Email,Type\n", "header: there is no column for who is Primary"},
		{
			"two columns for one field", "Client,Email,E-mail address,Type,Primary\n",
			`header: both "Email" and "E-mail address" look like the email`,
		},
		{
			"status and its opposite", "Client,Email,Type,Primary,Status,Archived\n",
			"header: both a status and an archived column",
		},
		{
			"a quote that does not end",
			header + "C1,\"Acme Inc,Business,,P1,Dana,d@x.example,Y\nC2,Lee,Person,,P2,Lee,l@x.example,Y\n", "line 2: quoting: ",
		},
		{"a bare quote", header + "C1,Acme \"Best\" Inc,Business,,P1,Dana,d@x.example,Y\n", "line 2: quoting: "},
		{"a workbook", "PK\x03\x04\x00\x00", "encoding: the file has zero bytes"},
		{"a byte that means nothing", header + "C1,\x81cme,Business,,,,,\n", "encoding: the file is neither UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Read(strings.NewReader(c.file), Options{})
			if err == nil || !strings.Contains(err.Error(), c.wantErr) {
				t.Errorf("got error %v, want %q", err, c.wantErr)
			}
		})
	}
}

func TestEncodingsAndSeparators(t *testing.T) {
	t.Parallel()
	const file = "Client ID;Client;Type;Contact ID;Contact;Email;Primary?\r\n" +
		"C1;\"Müller; Söhne – Café\";Company;P1;Zoë Núñez;z@x.example;Yes\r\n"
	want := lines(`contact P1 "Zoë Núñez" "z@x.example"`, `client C1 business "Müller; Söhne – Café": P1*`)
	windows, err := charmap.Windows1252.NewEncoder().String(file)
	if err != nil {
		t.Fatal(err)
	}
	tabs := strings.NewReplacer("Müller; ", "Müller; ", ";", "\t").Replace(file)
	for _, c := range []struct{ name, file, encoding, separator string }{
		{"UTF-8", file, utf8Name, "semicolon"},
		{"UTF-8 with a byte order mark", "\ufeff" + file, utf8Name, "semicolon"},
		{"Windows-1252", windows, windowsName, "semicolon"},
		{"UTF-16 with tabs, Excel's Unicode text", utf16LE(tabs), utf16Name, "tab"},
		{"Excel's line that names the separator", "sep=;\r\n" + file, utf8Name, "semicolon"},
		{"line ends of an old Mac", strings.ReplaceAll(file, "\r\n", "\r"), utf8Name, "semicolon"},
		{"blank lines before the header", "\r\n;;;\r\n" + file, utf8Name, "semicolon"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := Read(strings.NewReader(c.file), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if text := render(got); text != want {
				t.Errorf("got:\n%swant:\n%s", text, want)
			}
			if got.Encoding != c.encoding || got.Separator != c.separator {
				t.Errorf("read as %s with %s, want %s with %s", got.Encoding, got.Separator, c.encoding, c.separator)
			}
		})
	}
}

func TestDeclaredSeparatorCountsAsALine(t *testing.T) {
	t.Parallel()
	got, err := Read(strings.NewReader("sep=,\n"+header+"C1,Dana,Person,,P1,Dana,d@x.example,hm\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Problems) != 1 || got.Problems[0].Line != 3 {
		t.Errorf("problems %v, want one in line 3", got.Problems)
	}
}

func utf16LE(s string) string {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return string(out)
}

func TestOptionsReplaceMissingColumns(t *testing.T) {
	t.Parallel()
	file := "Client,Contact,Email,Type\nAcme Inc,Dana Wu,d@x.example,business\nLee Roy,Lee Roy,l@x.example,\n"
	got, err := Read(strings.NewReader(file), Options{Kind: "individual", Primary: PrimaryContact})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Clients) != 2 || got.Clients[0].Kind != "business" || got.Clients[1].Kind != "individual" {
		t.Errorf("clients %+v: a filled cell must win over the option, and the option over an empty cell", got.Clients)
	}
	if !got.Clients[0].Contacts[0].Primary {
		t.Error("the contact is not Primary, although the option makes every contact Primary")
	}
}

func TestDerivedIDs(t *testing.T) {
	t.Parallel()
	read := func(t *testing.T, rows string) *Import {
		t.Helper()
		got, err := Read(strings.NewReader("Client,Type,Contact,Email,Primary\n"+rows), Options{})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	first := read(t, "Acme Inc,Business,Dana Wu,d@x.example,Y\nAcme Inc,Business,Kim Wu,d@x.example,Y\n"+
		"Dana Wu,Person,Dana Wu,D@X.example,Y\nOld Mill,Business,Dana Wu,,Y\nNew Mill,Business,Dana Wu,,Y\n")
	if len(first.Clients) != 4 || len(first.Contacts) != 4 {
		t.Fatalf("%d clients and %d contacts, want 4 and 4: two names with one email are two people, "+
			"and a name without an email is one person per client", len(first.Clients), len(first.Contacts))
	}
	again := read(t, "Old Mill,Business,Dana Wu,,Y\nACME  INC,Business,Dana Wu,d@x.example,Y\n")
	if again.Clients[1].ClientID != first.Clients[0].ClientID ||
		again.Contacts[1].ContactID != first.Contacts[0].ContactID {
		t.Error("another export gives other ids")
	}
	if first.Contacts[0].ContactID != first.Clients[1].Contacts[0].ContactID {
		t.Error("the same name and email on two clients are two people")
	}
}
