package words

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Language is a language of the console, as a tag.
type Language string

// The languages. Every text of the table has all of them.
const (
	English Language = "en"
	Spanish Language = "es"
	French  Language = "fr"
)

// Languages lists the languages in the order in which the console offers them.
func Languages() []Language { return []Language{English, Spanish, French} }

// OwnName is what a language calls itself.
func (l Language) OwnName() string { return lookUp("language.own", l) }

// text is one text in each language.
type text map[Language]string

//go:embed words.yaml
var source []byte

var table = mustRead()

func mustRead() map[string]text {
	read := map[string]text{}
	if err := yaml.Unmarshal(source, &read); err != nil {
		panic(fmt.Sprintf("words.yaml: %v", err)) // it is part of the program, and a test reads it
	}
	return read
}

// lookUp returns a text. Where the table lacks it, the key stands in its place, so that somebody notices.
func lookUp(key string, l Language) string {
	if found, ok := table[key][l]; ok {
		return found
	}
	return key
}

// Has says whether the table has a key.
func Has(key string) bool { return len(table[key]) > 0 }

// fill puts values into a text: {name} stands for the value behind "name".
func fill(text string, pairs []any) string {
	if len(pairs) == 0 {
		return text
	}
	replaced := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		replaced = append(replaced, "{"+fmt.Sprint(pairs[i])+"}", fmt.Sprint(pairs[i+1]))
	}
	return strings.NewReplacer(replaced...).Replace(text)
}

// form is the key for a count: key.0 and key.1, if the table has them, or key.n.
func form(key string, n int) string {
	if exact := key + "." + strconv.Itoa(n); n <= 1 && Has(exact) {
		return exact
	}
	return key + ".n"
}
