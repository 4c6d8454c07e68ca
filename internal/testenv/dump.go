package testenv

import (
	"encoding/hex"
	"os/exec"
	"regexp"
	"testing"

	"portal-invites/internal/standalone"
)

// hexText is how a dump writes bytes.
var hexText = regexp.MustCompile(`\\\\x[0-9a-f]+`)

// Dump is a whole database as text, as pg_dump writes it, with bytes as what they mean.
func Dump(tb testing.TB, databaseURL string) string {
	tb.Helper()
	program, err := standalone.Program(tb.Context(), "pg_dump")
	if err != nil {
		tb.Fatalf("testenv: %v", err)
	}
	text, err := exec.CommandContext(tb.Context(), program, "--dbname", databaseURL).Output()
	if err != nil {
		tb.Fatalf("testenv: pg_dump: %v", err)
	}
	return hexText.ReplaceAllStringFunc(string(text), func(encoded string) string {
		decoded, err := hex.DecodeString(encoded[3:])
		if err != nil {
			tb.Fatalf("testenv: pg_dump: %v", err)
		}
		return string(decoded)
	})
}
