package events

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A request is stored as JSON, with the fields that nobody knows yet. PostgreSQL's jsonb has limits that JSON has not:
// no NUL, no half of a surrogate pair, no number that it can't compute with, and no depth without end.
const (
	mostDepth    = 100
	mostDigits   = 1000
	mostExponent = 1000
)

// checkStorable reports the first top-level field of a request that can't be stored.
func (f *fields) checkStorable() {
	for _, field := range f.object {
		problem := storable(field.value)
		if problem == "" {
			problem = storable(field.rawName)
		}
		if problem != "" {
			f.wrong(shortName(field.name), "%s", problem)
			return
		}
	}
}

// storable says what keeps valid JSON from being stored; "" if nothing does.
func storable(value string) string {
	depth := 0
	for i := 0; i < len(value); {
		c := value[i]
		switch {
		case c == '"':
			end := i + stringEnd(value[i:])
			if hasUnstorable(value[i:end]) {
				return `has \u0000 or half of a surrogate pair in it`
			}
			i = end
			continue
		case c == '{' || c == '[':
			if depth++; depth > mostDepth {
				return fmt.Sprintf("is nested deeper than %d levels", mostDepth)
			}
		case c == '}' || c == ']':
			depth--
		case c == '-' || c >= '0' && c <= '9':
			end := i + numberEnd(value[i:])
			if numberTooLarge(value[i:end]) {
				return "has a number that is too large to be stored"
			}
			i = end
			continue
		}
		i++
	}
	return ""
}

// stringEnd returns the length of the string that a value begins with.
func stringEnd(value string) int {
	for i := 1; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(value)
}

// hasUnstorable looks at the escapes of a JSON string. The decoder makes U+FFFD of half of a pair, so it is looked for
// where the text is still as it was written.
func hasUnstorable(quoted string) bool {
	for i := 0; i+1 < len(quoted); i++ {
		if quoted[i] != '\\' {
			continue
		}
		i++
		if quoted[i] != 'u' {
			continue
		}
		switch unit := unitAt(quoted, i-1); {
		case unit == 0:
			return true
		case unit >= 0xdc00 && unit <= 0xdfff:
			return true
		case unit >= 0xd800 && unit <= 0xdbff:
			if low := unitAt(quoted, i+5); low < 0xdc00 || low > 0xdfff {
				return true
			}
			i += 6
		}
		i += 4
	}
	return false
}

// unitAt returns the code unit of the escape at a place, as \u00e9; -1 if there is none.
func unitAt(quoted string, at int) int {
	if at+6 > len(quoted) || quoted[at] != '\\' || quoted[at+1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(quoted[at+2:at+6], 16, 32)
	if err != nil {
		return -1
	}
	return int(unit)
}

// numberEnd returns the length of the number that a value begins with.
func numberEnd(value string) int {
	for i := range len(value) {
		switch c := value[i]; {
		case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
		default:
			return i
		}
	}
	return len(value)
}

func numberTooLarge(number string) bool {
	if len(number) > mostDigits {
		return true
	}
	for i := range len(number) {
		if number[i] == 'e' || number[i] == 'E' {
			exponent, err := strconv.Atoi(number[i+1:])
			return err != nil || exponent > mostExponent || exponent < -mostExponent
		}
	}
	return false
}

// shortName makes a name from outside safe for an error: it may be a megabyte long.
func shortName(name string) string {
	const longest = 60
	quoted := strconv.QuoteToGraphic(name)
	name = quoted[1 : len(quoted)-1]
	if utf8.RuneCountInString(name) > longest {
		name = string([]rune(name)[:longest]) + "…"
	}
	return name
}

// shortValue is the kind of a mistyped value in the words of encoding/json, which quotes long numbers whole.
func shortValue(kind string) string {
	if strings.HasPrefix(kind, "number ") {
		return "number"
	}
	return kind
}
