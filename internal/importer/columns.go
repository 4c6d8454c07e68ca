package importer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Field is the meaning of a column. Its value is the name that problems use, which is the name of the fact's field.
type Field string

// The fields an export may have.
const (
	ClientID    Field = "client_id"
	ClientName  Field = "client_name"
	Kind        Field = "kind"
	Status      Field = "status"
	Archived    Field = "archived" // the opposite of the status
	ContactID   Field = "contact_id"
	ContactName Field = "contact_name"
	FirstName   Field = "first_name"
	LastName    Field = "last_name"
	Email       Field = "email"
	Primary     Field = "primary"
	Locale      Field = "locale"
)

// columnNames are the accepted headers of each field, folded to letters and digits. A # is read as "number".
var columnNames = map[Field][]string{
	ClientID: {
		"clientid", "clientno", "clientnumber", "clientnum", "clientnr", "clientcode", "clientref", "clientkey",
		"clientidentifier", "accountid", "accountno", "accountnumber", "accountnum", "accountcode",
		"customerid", "customerno", "customernumber",
	},
	ClientName: {
		"clientname", "client", "account", "accountname", "customer", "customername", "company", "companyname",
		"business", "businessname", "organization", "organisation", "organizationname", "household",
		"clientdisplayname", "displayname",
	},
	Kind: {
		"kind", "clienttype", "clientkind", "accounttype", "customertype", "entitytype", "entity", "clientcategory",
		"businessorindividual", "individualorbusiness", "individualbusiness",
	},
	Status:   {"status", "clientstatus", "accountstatus", "customerstatus", "active", "isactive", "clientactive"},
	Archived: {"archived", "isarchived", "inactive", "isinactive", "clientarchived"},
	ContactID: {
		"contactid", "contactno", "contactnumber", "contactnum", "contactcode", "contactref", "contactkey", "personid",
	},
	ContactName: {
		"contactname", "contact", "contactfullname", "fullname", "person", "personname", "contactperson",
		"nameofcontact", "recipient", "recipientname",
	},
	FirstName: {"firstname", "contactfirstname", "givenname", "forename", "first"},
	LastName:  {"lastname", "contactlastname", "surname", "familyname", "last"},
	Email: {
		"email", "emailaddress", "mail", "mailaddress", "contactemail", "contactemailaddress", "primaryemail",
		"primaryemailaddress", "email1", "portalemail", "loginemail",
	},
	Primary: {
		"primary", "isprimary", "primarycontact", "isprimarycontact", "contacttype", "contactrole", "contactkind",
		"primaryorother", "primaryother", "maincontact",
	},
	Locale: {"locale", "language", "lang", "contactlanguage", "preferredlanguage", "contactlocale"},
}

// bareNames are headers whose meaning depends on the other columns: a bare name stands for the first of its fields that
// no other column has.
var bareNames = map[string][]Field{
	"id":     {ClientID, ContactID},
	"number": {ClientID, ContactID},
	"no":     {ClientID, ContactID},
	"code":   {ClientID, ContactID},
	"name":   {ClientName, ContactName},
	"type":   {Kind, Primary},
	"role":   {Primary},
}

// columns says which column holds which field.
type columns struct {
	at      map[Field]int
	width   int
	ignored []string // headers that are not known, as they were written
}

// has says whether the file has a column for the field.
func (c columns) has(field Field) bool { _, ok := c.at[field]; return ok }

// cell returns the field's cell in the row, cleaned. It is "" if the row or the file has none.
func (c columns) cell(r record, field Field) string {
	i, ok := c.at[field]
	if !ok || i >= len(r.cells) {
		return ""
	}
	return clean(r.cells[i])
}

// matchColumns finds the field of each column. Two columns for one field are an error: if it picked one, the other
// would be dropped without notice.
func matchColumns(header []string) (columns, error) {
	c := columns{at: make(map[Field]int), width: len(header)}
	var errs []error
	var bare []int
	for i, name := range header {
		field, known := fieldNamed(fold(name))
		switch {
		case known && c.has(field):
			errs = append(errs, fmt.Errorf("header: both %q and %q look like the %s: rename the one that should not be imported",
				clean(header[c.at[field]]), clean(name), field))
		case known:
			c.at[field] = i
		case len(bareNames[fold(name)]) > 0:
			bare = append(bare, i)
		case clean(name) != "":
			c.ignored = append(c.ignored, clean(name))
		}
	}
	for _, i := range bare {
		fields := bareNames[fold(header[i])]
		free := slices.IndexFunc(fields, func(f Field) bool { return !c.has(f) })
		if free < 0 {
			c.ignored = append(c.ignored, clean(header[i]))
			continue
		}
		c.at[fields[free]] = i
	}
	return c, errors.Join(errs...)
}

// require returns an error for the required columns that are missing and that no option replaces.
func (c columns) require(o Options) error {
	var errs []error
	missing := func(what, instead string) {
		errs = append(errs, fmt.Errorf("header: there is no column for %s%s", what, instead))
	}
	if !c.has(ClientName) {
		missing("the client's name", " (Client name, Client, Company, Name)")
	}
	if !c.has(Email) {
		missing("the contact's email", " (Email, E-mail address)")
	}
	if !c.has(Kind) && o.Kind == "" {
		missing("the client's kind",
			" (Type, Kind, Client type): add it, or say with --kind what every client in the file is")
	}
	if !c.has(Primary) && o.Primary == "" {
		missing("who is Primary",
			" (Primary?, Contact type): add it, or say with --primary whether every contact in the file is")
	}
	if c.has(Status) && c.has(Archived) {
		errs = append(errs,
			errors.New("header: both a status and an archived column: rename the one that should not be imported"))
	}
	return errors.Join(errs...)
}

func fieldNamed(folded string) (Field, bool) {
	for field, names := range columnNames {
		if slices.Contains(names, folded) {
			return field, true
		}
	}
	return "", false
}

func knownColumns(header []string) int {
	known := 0
	for _, name := range header {
		folded := fold(name)
		if _, ok := fieldNamed(folded); ok || len(bareNames[folded]) > 0 {
			known++
		}
	}
	return known
}

// fold makes "Client ID", "client_id" and "Client-Id" equal, and turns "Account #" into the account's number.
func fold(name string) string {
	name = strings.ReplaceAll(name, "#", "number")
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// clean trims a cell, joins its lines, turns no-break spaces into spaces and removes zero-width characters.
func clean(cell string) string {
	return strings.Join(strings.Fields(invisible.Replace(cell)), " ")
}

var invisible = strings.NewReplacer("\u200b", "", "\u2060", "", "\ufeff", "")
