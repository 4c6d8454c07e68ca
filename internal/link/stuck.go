package link

import "strings"

// alphabet has the characters of a token.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

// withoutStuck returns a token without what its readers stick to it: the blank, the dot, the bracket or the comma that
// stood beside the link in a text, also in the escaped form of a URL or of HTML. No token begins or ends with a dot.
func withoutStuck(token string) string {
	token = strings.TrimLeftFunc(token, func(r rune) bool { return !strings.ContainsRune(alphabet, r) || r == '.' })
	if end := strings.IndexFunc(token, func(r rune) bool { return !strings.ContainsRune(alphabet, r) }); end >= 0 {
		token = token[:end]
	}
	return strings.TrimRight(token, ".")
}
