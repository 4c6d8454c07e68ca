package importer_test

import (
	"fmt"
	"strings"

	"portal-invites/internal/importer"
)

// One row is one contact of one client. The last row has a wrong cell, so its client is left out.
func ExampleRead() {
	const export = `Client ID,Client name,Type,Contact ID,Contact name,Email,Primary?
C1,Blue Bottle LLC,Business,P1,Dana Wu,dana@bluebottle.example,Yes
C1,Blue Bottle LLC,Business,P2,Lee Roy,,No
C2,Kim Ode,Individual,P3,Kim Ode,kim@ode.example,perhaps
`
	read, err := importer.Read(strings.NewReader(export), importer.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, contact := range read.Contacts {
		fmt.Println("contact", contact.ContactID, contact.Name)
	}
	for _, client := range read.Clients {
		fmt.Println("client", client.ClientID, client.Name, client.Contacts)
	}
	for _, problem := range read.Problems {
		fmt.Println(problem)
	}
	for _, left := range read.LeftOut {
		fmt.Println("left out:", left.ClientID, "because of lines", left.Lines)
	}
	// Output:
	// contact P1 Dana Wu
	// contact P2 Lee Roy
	// client C1 Blue Bottle LLC [{P1 true} {P2 false}]
	// line 4: primary: must be Primary or Other, or yes or no
	// left out: C2 because of lines [4]
}

// Options replace columns that the file does not have. Without ids, they are derived from names and emails.
func ExampleRead_withoutColumns() {
	const export = "Client,Email\nDana Wu,dana@wu.example\n"
	read, err := importer.Read(strings.NewReader(export),
		importer.Options{Kind: "individual", Primary: importer.PrimaryContact})
	if err != nil {
		fmt.Println(err)
		return
	}
	client, contact := read.Clients[0], read.Contacts[0]
	fmt.Println(client.Name, client.Kind, client.Contacts[0].Primary)
	fmt.Println(contact.Name, strings.HasPrefix(contact.ContactID, "contact-"))
	// Output:
	// Dana Wu individual true
	// Dana Wu true
}
