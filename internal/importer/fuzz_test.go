package importer

import (
	"bytes"
	"testing"

	"portal-invites/internal/events"
)

// FuzzRead checks what an import promises for any input: the workers can read its facts, every contact that a client
// names is published, and no client is both published and left out.
func FuzzRead(f *testing.F) {
	f.Add([]byte(header + "C1,Acme,Business,,P1,Dana Wu,d@x.example,Y\nC1,,,,P2,Lee,l@x.example,N\n"))
	f.Add([]byte("sep=;\nClient;Type;Email;Primary\nDana;Person;d@x.example;x\n"))
	f.Add([]byte("\ufeffName\tType\tEmail\tPrimary\nD\xe4na\tPerson\tperhaps\thm\n"))
	f.Add([]byte("Client,Type,Email,Primary\n\"\",,,\n,Person,d@x.example,\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		got, err := Read(bytes.NewReader(file), Options{})
		if err != nil {
			return
		}
		contacts := map[string]bool{}
		for _, c := range got.Contacts {
			if contacts[c.ContactID] {
				t.Errorf("contact %q twice", c.ContactID)
			}
			contacts[c.ContactID] = true
			if err := decode(events.ContactUpserted, c); err != nil {
				t.Errorf("contact %q: %v", c.ContactID, err)
			}
		}
		clients := map[string]bool{}
		for _, c := range got.Clients {
			clients[c.ClientID] = true
			if err := decode(events.ClientUpserted, c); err != nil {
				t.Errorf("client %q: %v", c.ClientID, err)
			}
			for _, contact := range c.Contacts {
				if !contacts[contact.ContactID] {
					t.Errorf("client %q names %q, who is not published", c.ClientID, contact.ContactID)
				}
			}
		}
		for _, l := range got.LeftOut {
			if clients[l.ClientID] {
				t.Errorf("client %q is both published and left out", l.ClientID)
			}
		}
		if got.RefusedRows() > got.Rows || len(got.LeftOut) > 0 && len(got.Problems) == 0 {
			t.Errorf("%d rows refused of %d, %d clients left out, %d problems",
				got.RefusedRows(), got.Rows, len(got.LeftOut), len(got.Problems))
		}
	})
}
