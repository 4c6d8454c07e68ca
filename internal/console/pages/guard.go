package pages

import (
	"net/http"
	"slices"
	"strings"
)

// policy allows a page its own style sheet, script, stream and frames, and nothing inline. No other site may frame it.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; " +
	"frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// guard refuses requests under a foreign name, and sets the headers of every answer.
func (s *Site) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		header.Set("Cache-Control", "no-store")
		if r.URL.Path != "/livez" && !slices.Contains(s.Hosts, strings.ToLower(r.Host)) {
			http.Error(w, "The console is not known by this name. Open it by the address that it was started with.",
				http.StatusMisdirectedRequest)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, longestForm)
		next.ServeHTTP(w, r)
	})
}

// longestForm is how many octets a form may have. The longest field is a message of 5,000 characters.
const longestForm = 256 << 10

// local returns a path of the console, or the first page for anything that could lead elsewhere.
func local(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") ||
		strings.ContainsFunc(path, func(r rune) bool { return r < ' ' }) {
		return "/"
	}
	return path
}
