package smtp

import (
	"os"
	"path/filepath"
	"testing"

	"portal-invites/internal/mail"
)

// BenchmarkSend sends one mail over a kept connection to a server on this machine. It shows the cost of sending without
// composing and without a network.
func BenchmarkSend(b *testing.B) {
	content := mail.Content{
		Subject: "Harbor & Pine CPA shared a file with you", Language: "en",
		HTML: composed(b, "file.html"), Text: composed(b, "file.txt"),
	}
	s := startSink(b, nil)
	p := NewPool(configFor(s.port))
	m := messageTo("dana@example.com")
	m.Content = content
	b.ReportAllocs()
	for b.Loop() {
		if r := p.Send(b.Context(), m); r.Verdict != mail.Delivered {
			b.Fatalf("%+v", r)
		}
	}
	p.Close()
}

// composed is a part of a mail, as package compose made it.
func composed(b *testing.B, name string) string {
	b.Helper()
	part, err := os.ReadFile(filepath.Join("..", "compose", "testdata", "en", name))
	if err != nil {
		b.Fatal(err)
	}
	return string(part)
}
