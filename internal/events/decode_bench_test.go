package events

import (
	"testing"

	"github.com/nats-io/nats.go"
)

// BenchmarkDecode reads the most frequent events: go test ./internal/events -run xxx -bench Decode -benchmem.
func BenchmarkDecode(b *testing.B) {
	for typ, body := range map[Type]string{
		ContactUpserted: `{"contact_id":"P-0001234","name":"Robin Example",` +
			`"email":"robin.1234@mail-12.example","locale":"en"}`,
		ClientUpserted: `{"client_id":"C-0001234","kind":"business","name":"Example Ltd","active":true,` +
			`"contacts":[{"contact_id":"P-1","primary":true},{"contact_id":"P-2","primary":false}]}`,
		FileShared: `{"client_id":"C-0001234","recipients":[{"contact_id":"P-0001234"}],"requested_by":"Lee Chen",` +
			`"file":{"id":"f-1","name":"Tax return 2025.pdf"},` +
			`"message":{"text":"Hello {{contact.name}},\n\nplease find the documents for {{client.name}} ` +
			`in your portal.\n\nKind regards, {{requested_by}}"}}`,
	} {
		b.Run(string(typ), func(b *testing.B) {
			prefix, err := typ.Prefix()
			if err != nil {
				b.Fatal(err)
			}
			subject := "portal." + string(prefix) + ".acme." + string(typ)
			header := nats.Header{
				"ce-specversion": {"1.0"}, "ce-id": {"1234"}, "ce-source": {"https://upstream.example/crm"}, "ce-type": {typ.CE()},
				"ce-time": {"2026-11-22T10:30:00Z"}, "ce-datacontenttype": {"application/json"},
				nats.MsgIdHdr: {"https://upstream.example/crm/1234"},
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(subject, header, []byte(body)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
