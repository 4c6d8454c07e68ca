package compose

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"portal-invites/internal/mail"
	"portal-invites/internal/rules"
)

var update = flag.Bool("update", false, "write the golden files again; then open each in a browser")

// fileInvitation is a complete invitation. Test cases change parts of it.
func fileInvitation() mail.Invitation {
	return mail.Invitation{
		Firm: mail.Firm{
			Name:       "Harbor & Pine CPA",
			PortalURL:  "https://portal.harborpine.example",
			ReplyTo:    "office@harborpine.example",
			LogoURL:    "https://assets.harborpine.example/logo.png",
			BrandColor: "#0b6e4f",
		},
		Process:       rules.FileSharing,
		ClientName:    "Blue Bottle LLC",
		RecipientName: "Dana Wu",
		RequestedBy:   "Maria Lopez",
		ItemName:      "2024 Form 1120-S, signed copy.pdf",
		Message: "Hi {{contact.name}},\n\n" +
			"here is the return we filed for {{client.name}}. Please keep it with your records.\n" +
			"If anything looks off, call me.\n\n{{requested_by}}, {{firm.name}}",
		Link:      "https://portal.harborpine.example/invite/k1.AZLzoXxVfRGbLk9qXB0uPwN0rbuqm5wYjunoW4_5poT5",
		ExpiresAt: time.Date(2025, time.April, 3, 17, 30, 0, 0, time.UTC),
	}
}

// compose writes one mail as the first of its shape, so Hermes renders it.
func compose(inv mail.Invitation) (mail.Content, error) { return newComposer().compose(inv) }

func with(change func(*mail.Invitation)) mail.Invitation {
	inv := fileInvitation()
	change(&inv)
	return inv
}

// goldens is every look a mail can have, in English. Names are file names.
func goldens() map[string]mail.Invitation {
	looks := oneOfEach(fileInvitation(), "Bank statements for January to March")
	looks["reminder"] = with(func(inv *mail.Invitation) {
		inv.Process, inv.ItemName, inv.Message, inv.Reminder = rules.ClientRecord, "", "", true
		inv.Unexpected = true
	})
	looks["expiring"] = with(func(inv *mail.Invitation) {
		inv.Process, inv.ItemName, inv.Message, inv.Reminder, inv.Expiring = rules.ClientRecord, "", "", true, true
		inv.Unexpected = true
	})
	looks["together"] = with(func(inv *mail.Invitation) {
		inv.Process, inv.ItemName, inv.Message, inv.Reminder = rules.ClientRecord, "", "", true
		inv.Unexpected = true
		inv.Together = []string{"Wu & Daughters LLC", "<b>Harbor</b> Glass Inc."}
	})
	looks["plain"] = with(func(inv *mail.Invitation) {
		inv.Firm.LogoURL, inv.Firm.BrandColor, inv.Firm.ReplyTo = "", "", ""
		inv.RecipientName, inv.RequestedBy = "", ""
	})
	looks["pale_color"] = with(func(inv *mail.Invitation) { inv.Firm.BrandColor, inv.Firm.LogoURL = "#ffe45c", "" })
	looks["white_color"] = with(func(inv *mail.Invitation) { inv.Firm.BrandColor, inv.Firm.LogoURL = "#FFFFFF", "" })
	looks["black_color"] = with(func(inv *mail.Invitation) { inv.Firm.BrandColor = "#000000" })
	looks["hostile"] = hostileInvitation()
	looks["no_contact"] = with(func(inv *mail.Invitation) {
		inv.NoContact, inv.Unexpected, inv.Firm.Declines = true, true, true
		inv.Message = "Your account is locked. Visit https://evil.example/pay or www.evil.example now,\n" +
			"or write to \"Support\" <help@evil.example> about {{client.name}}.\n{{firm.name}}.example\nhttps://{{firm.name}}"
	})
	looks["names_with_addresses"] = with(func(inv *mail.Invitation) {
		inv.Firm.Name, inv.RequestedBy = "Verify at https://evil.example/login", "Support www.evil.example"
		inv.ClientName, inv.RecipientName = `evil.example "now" <dana@evil.example>`, "you won, see evil.com"
		inv.ItemName = "http://evil.example/invoice.pdf"
	})
	return looks
}

// oneOfEach is a mail of each process, all about the same thing.
func oneOfEach(file mail.Invitation, request string) map[string]mail.Invitation {
	all := map[string]mail.Invitation{}
	for _, process := range rules.Processes() {
		inv := file
		switch inv.Process = process; process {
		case rules.ClientRequest:
			inv.ItemName, inv.DueOn = request, "2025-04-15"
		case rules.Esign:
			inv.DueOn, inv.Message = "2025-05-01", ""
		case rules.Survey:
			inv.Message = ""
		case rules.Bulk:
			inv.ItemName, inv.Unexpected, inv.Firm.Declines = "", true, true
		case rules.ClientRecord:
			inv.ItemName = ""
		case rules.FileSharing: // unchanged
		}
		all[string(process)] = inv
	}
	return all
}

// translated is the same in the other languages, and in one that reads from right to left. Some names have another
// direction than the line around them.
func translated() map[string]map[string]mail.Invitation {
	say := func(language, firm, client, recipient, by, item, request, message string) map[string]mail.Invitation {
		one := with(func(inv *mail.Invitation) {
			inv.Languages = []string{language}
			inv.Firm.Name, inv.ClientName, inv.RecipientName, inv.RequestedBy = firm, client, recipient, by
			inv.ItemName, inv.Message = item, message
		})
		looks := oneOfEach(one, request)
		one.Process, one.ItemName, one.Message, one.Reminder = rules.ClientRecord, "", "", true
		one.Together = []string{"Wu & Daughters LLC", client}
		one.Unexpected, one.Firm.Declines = true, true
		looks["together"] = one
		one.Expiring, one.Together, one.Firm.Declines = true, nil, false
		looks["expiring"] = one
		return looks
	}
	return map[string]map[string]mail.Invitation{
		"es": say("es-MX", "Puerto y Pino Contadores", "Café Azul S. A. de C. V.", "Lucía Pérez", "María López",
			"Declaración de 2024, firmada.pdf", "Estados de cuenta de enero a marzo", "Hola, {{contact.name}}:\n\n"+
				"aquí tiene la declaración de {{client.name}} que presentamos ayer.\n\n{{requested_by}}"),
		"fr": say("fr-CA", "Cabinet L’Hermitage & Associés", "Les Délices d’Été SARL", "Zoé Lefèvre", "Élise Moreau",
			"Liasse fiscale 2024, signée.pdf", "Relevés bancaires de janvier à mars", "Bonjour {{contact.name}},\n\n"+
				"voici la déclaration que nous avons déposée pour {{client.name}}.\n\n{{requested_by}}"),
		"he": say("he", "Harbor & Pine (CPA)", "בקבוק כחול בע\"מ", "דנה כהן", "Maria Lopez", "דוח 2024 (1120-S).pdf",
			"דפי בנק, ינואר עד מרץ", "שלום {{contact.name}},\n\nהדוח שהגשנו עבור {{client.name}} מצורף.\n\n{{requested_by}}, "+
				"{{firm.name}}"),
	}
}

// hostileInvitation has in every field what someone could type by accident, to break the mail, or to pose as someone
// else.
func hostileInvitation() mail.Invitation {
	return mail.Invitation{
		Firm: mail.Firm{
			Name:       `Smith's "Tax" <b>& Co</b> {{.Hermes.Product}}`,
			PortalURL:  "https://portal.example.com/a path/?q=<script>",
			LogoURL:    `https://cdn.example.com/l.png?a=1&b="onerror="alert(1)`,
			BrandColor: "#7A1F5c",
		},
		Process:       rules.Esign,
		ClientName:    "{{firm.name}} & Söhne\r\nBcc: everyone@example.com",
		RecipientName: "Zoë\u202egpj.exe <img src=x onerror=alert(1)>",
		RequestedBy:   "李雷\x00 </td></table>",
		ItemName:      strings.Repeat("Verylongunbroken", 20) + "</title><script>alert(1)</script>",
		DueOn:         "2025-12-31",
		Message: "{{ client.name }} owes {{contact.name}}\u2028<a href=\"javascript:alert(1)\">click</a> **not bold** " +
			"&amp; &lt;kept&gt;\r\n\r\n" +
			"a lone }} and {{ brace, {single} \xff bytes\n.\nשלום לכולם, זו הודעה בעברית.\n" + strings.Repeat("x", 300),
		Link:      "https://portal.example.com/invite/k1.AZ_-?x=1&y=2",
		ExpiresAt: time.Date(2025, time.December, 31, 23, 59, 0, 0, time.FixedZone("", -8*3600)),
	}
}

func TestComposeGolden(t *testing.T) {
	t.Parallel()
	looks := translated()
	looks["en"] = goldens()
	for _, c := range everyCatalog(t) {
		if looks[c.tag.String()] == nil {
			t.Errorf("nobody has looked at mails in %s: translated in internal/mail/compose/compose_test.go has none", c.tag)
		}
		for name, inv := range looks[c.tag.String()] {
			t.Run(c.tag.String()+" "+name, func(t *testing.T) {
				t.Parallel()
				got, err := newComposer().composeIn(c, inv)
				if err != nil {
					t.Fatal(err)
				}
				if c != hebrew() && got.Language != chosen(t, inv.Languages).tag.String() {
					t.Errorf("the mail is in %s, and its reader wishes %q", got.Language, inv.Languages)
				}
				golden(t, filepath.Join(got.Language, name+".html"), got.HTML)
				golden(t, filepath.Join(got.Language, name+".txt"), "Subject: "+got.Subject+"\n\n"+got.Text)
			})
		}
	}
}

// chosen is the catalog for these wishes.
func chosen(t *testing.T, wishes []string) *catalog {
	t.Helper()
	ours, err := ourLanguages()
	if err != nil {
		t.Fatal(err)
	}
	return ours.Choose(wishes...)
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run with -update to write it)", err)
	}
	if got != string(want) {
		t.Errorf("%s differs from the approved file; got:\n%s", path, got)
	}
}

// Workers render at the same time. With -race this shows that they share no Hermes.
func TestComposeConcurrently(t *testing.T) {
	t.Parallel()
	want, err := compose(fileInvitation())
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if got, err := compose(fileInvitation()); err != nil || got != want {
				t.Errorf("a concurrent render differs: %v", err)
			}
		})
	}
	group.Wait()
}
