package compose

import "testing"

// The two ways to the same bytes, each with all else that [Mail] does: validate, choose the words, fill them in.

func BenchmarkComposeHermes(b *testing.B) {
	inv := fileInvitation()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := compose(inv); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkComposeFilled(b *testing.B) {
	inv := fileInvitation()
	c := newComposer()
	for range worthKeeping {
		if _, err := c.compose(inv); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.compose(inv); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFill is only what replaces Hermes.
func BenchmarkFill(b *testing.B) {
	w := everyCatalog(b)[0].write(clean(fileInvitation()))
	s, err := compile(keyOf(w))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.fill(w)
	}
}
