package mail

import "testing"

// BenchmarkSend is one mail over a kept connection to a server on this
// machine: what is left of Compose's time when the network costs nothing.
func BenchmarkSend(b *testing.B) {
	content, err := Compose(fileInvitation())
	if err != nil {
		b.Fatal(err)
	}
	s := startSink(b, nil)
	p := NewPool(configFor(s.port))
	l := letterTo("dana@example.com")
	l.Content = content
	b.ReportAllocs()
	for b.Loop() {
		if r := p.Send(b.Context(), l); r.Verdict != Delivered {
			b.Fatalf("%+v", r)
		}
	}
	p.Close()
}
