package mail

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew; then open each in a browser")

// fileInvitation is a complete invitation; cases change what they are about.
func fileInvitation() Invitation {
	return Invitation{
		Firm: Firm{
			Name:       "Harbor & Pine CPA",
			PortalURL:  "https://portal.harborpine.example",
			ReplyTo:    "office@harborpine.example",
			LogoURL:    "https://assets.harborpine.example/logo.png",
			BrandColor: "#0b6e4f",
		},
		Design:        DesignFile,
		ClientName:    "Blue Bottle LLC",
		RecipientName: "Dana Wu",
		RequestedBy:   "Maria Lopez",
		ItemName:      "2024 Form 1120-S, signed copy.pdf",
		Message: "Hi {{contact.name}},\n\nhere is the return we filed for {{client.name}}. Please keep it with your records.\n" +
			"If anything looks off, call me.\n\n{{requested_by}}, {{firm.name}}",
		Link:      "https://portal.harborpine.example/invite/k1.AZLzoXxVfRGbLk9qXB0uPwN0rbuqm5wYjunoW4_5poT5",
		ExpiresAt: time.Date(2025, time.April, 3, 17, 30, 0, 0, time.UTC),
	}
}

func with(change func(*Invitation)) Invitation {
	inv := fileInvitation()
	change(&inv)
	return inv
}

// goldens is every look a mail can have. Names are file names.
func goldens() map[string]Invitation {
	return map[string]Invitation{
		"file": fileInvitation(),
		"client_record": with(func(inv *Invitation) {
			inv.Design, inv.ItemName = DesignClientRecord, ""
			inv.Message = "Hi {{contact.name}}, this is where we will keep everything for {{client.name}} from now on."
		}),
		"esign": with(func(inv *Invitation) {
			inv.Design, inv.ItemName, inv.DueOn, inv.Message = DesignEsign, "Engagement letter 2025", "2025-04-15", ""
		}),
		"request": with(func(inv *Invitation) {
			inv.Design, inv.ItemName, inv.DueOn = DesignRequest, "Bank statements for January to March", "2025-03-31"
			inv.Message = "We need these to close the quarter."
		}),
		"survey": with(func(inv *Invitation) {
			inv.Design, inv.ItemName, inv.Message = DesignSurvey, "Tax organizer 2024", ""
		}),
		"bulk": with(func(inv *Invitation) {
			inv.Design, inv.ItemName = DesignBulk, ""
			inv.Message = "Dear {{contact.name}},\n\nwe have moved our document exchange to a new portal. Email attachments are a thing of the past.\n\nYour team at {{firm.name}}"
		}),
		"reminder": with(func(inv *Invitation) {
			inv.Design, inv.ItemName, inv.Message, inv.Reminder = DesignClientRecord, "", "", true
		}),
		"plain": with(func(inv *Invitation) {
			inv.Firm.LogoURL, inv.Firm.BrandColor, inv.Firm.ReplyTo = "", "", ""
			inv.RecipientName, inv.RequestedBy = "", ""
		}),
		"pale_color":  with(func(inv *Invitation) { inv.Firm.BrandColor, inv.Firm.LogoURL = "#ffe45c", "" }),
		"white_color": with(func(inv *Invitation) { inv.Firm.BrandColor, inv.Firm.LogoURL = "#FFFFFF", "" }),
		"hostile":     hostileInvitation(),
	}
}

// hostileInvitation has in every field what someone could type to break the
// mail, to pose as someone else, or by accident.
func hostileInvitation() Invitation {
	return Invitation{
		Firm: Firm{
			Name:       `Smith's "Tax" <b>& Co</b> {{.Hermes.Product}}`,
			PortalURL:  "https://portal.example.com/a path/?q=<script>",
			LogoURL:    `https://cdn.example.com/l.png?a=1&b="onerror="alert(1)`,
			BrandColor: "#7A1F5c",
		},
		Design:        DesignEsign,
		ClientName:    "{{firm.name}} & Söhne\r\nBcc: everyone@example.com",
		RecipientName: "Zoë\u202egpj.exe <img src=x onerror=alert(1)>",
		RequestedBy:   "李雷\x00 </td></table>",
		ItemName:      strings.Repeat("Verylongunbroken", 20) + "</title><script>alert(1)</script>",
		DueOn:         "2025-12-31",
		Message: "{{ client.name }} owes {{contact.name}}\u2028<a href=\"javascript:alert(1)\">click</a> **not bold** &amp; &lt;kept&gt;\r\n\r\n" +
			"a lone }} and {{ brace, {single} \xff bytes\n.\nשלום לכולם, זו הודעה בעברית.\n" + strings.Repeat("x", 300),
		Link:      "https://portal.example.com/invite/k1.AZ_-?x=1&y=2",
		ExpiresAt: time.Date(2025, time.December, 31, 23, 59, 0, 0, time.FixedZone("", -8*3600)),
	}
}

func TestComposeGolden(t *testing.T) {
	t.Parallel()
	for name, inv := range goldens() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Compose(inv)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".html", got.HTML)
			golden(t, name+".txt", "Subject: "+got.Subject+"\n\n"+got.Text)
		})
	}
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
		t.Errorf("%s differs from what was looked at and approved; got:\n%s", path, got)
	}
}

// Workers render at the same time; run with -race this shows that no Hermes value is shared.
func TestComposeConcurrently(t *testing.T) {
	t.Parallel()
	want, err := Compose(fileInvitation())
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if got, err := Compose(fileInvitation()); err != nil || got != want {
				t.Errorf("a concurrent render differs: %v", err)
			}
		})
	}
	group.Wait()
}
