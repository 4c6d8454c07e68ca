package mailtest

import (
	"strings"

	"pgregory.net/rapid"
)

// HostileText draws what people type by accident, and what others type on purpose.
func HostileText() *rapid.Generator[string] {
	pieces := []string{
		"<b>", "</td>", "</title>", "<script>", "&amp;", "&", "\"", "'", "+", "=", "`", "{{", "}}", "{{firm.name}}",
		"{{ contact.name }}", "{firm}", "\r\n", "\n\n", "Bcc: a@b.example", "\u202e", "\u2068", "\u200f", "\x00",
		"\x7f", "-->", "<!--", "]]>", "[x](http://evil.example)", "%41", "%", "é", "名", "שלום", "مرحبا", "👩‍👩‍👧",
		"\u00a0", "\u200b", "\ufeff", "\u0085", "\u2028", "\xff", "\xed\xa0\x80", "a", " ", "  ", "\t", ".", "..",
		"*", ">", "zq", "0001", "zq0001qz", "#5e0001", "https://zq0001qz.invalid", "#ZgotmplZ", "http://evil.example",
		"javascript:", "/*", "\\", "\\0", strings.Repeat("x", 90),
	}
	return rapid.Custom(func(t *rapid.T) string {
		drawn := rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(pieces), rapid.String()), 0, 6).Draw(t, "pieces")
		return strings.Join(drawn, "")
	})
}
