package wording

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"
)

// Catalogs are catalogs of one kind, one for each language: what the office reads, or what mails say.
type Catalogs[C any] struct {
	all     []*C // English first
	matcher language.Matcher
}

// ReadCatalogs reads each YAML file of a folder as a catalog. A file is named for its language. accept gets each
// catalog with its language tag, and returns what is wrong with it. Errors name the file.
func ReadCatalogs[C any](files fs.FS, dir string, accept func(*C, language.Tag) error) (*Catalogs[C], error) {
	names, err := fs.Glob(files, path.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	l := &Catalogs[C]{}
	var tags []language.Tag
	for _, name := range names {
		c, tag, err := readCatalog[C](files, name)
		if err == nil {
			err = accept(c, tag)
		}
		if err != nil {
			return nil, fmt.Errorf("catalog %s: %w", path.Base(name), err)
		}
		at := len(tags)
		if tag == language.English {
			at = 0
		}
		l.all, tags = slices.Insert(l.all, at, c), slices.Insert(tags, at, tag)
	}
	if len(tags) == 0 {
		return nil, errors.New("no catalogs")
	}
	l.matcher = language.NewMatcher(tags)
	return l, nil
}

// readCatalog reads one catalog, with the language that its file is named for. It refuses a field that C does not have.
func readCatalog[C any](files fs.FS, name string) (*C, language.Tag, error) {
	raw, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, language.Und, err
	}
	tag, err := language.Parse(strings.TrimSuffix(path.Base(name), ".yaml"))
	if err != nil {
		return nil, tag, fmt.Errorf("its name is not a language tag: %w", err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	c := new(C)
	return c, tag, decoder.Decode(c)
}

// All returns the catalogs, English first.
func (l *Catalogs[C]) All() []*C { return l.all }

// Choose takes the first wish that a catalog fulfils; English if none is. es fulfils es-MX, and by the CLDR also gl,
// whose readers understand it (RFC 4647 knows only the former). A wish that is empty or for an unknown language is
// skipped: it must not stop a mail or an answer.
func (l *Catalogs[C]) Choose(wishes ...string) *C {
	for _, wish := range wishes {
		tag, _ := language.Parse(wish) // on an error, the part that could be read
		if tag == language.Und {
			continue
		}
		if _, at, confidence := l.matcher.Match(tag); confidence > language.No {
			return l.all[at]
		}
	}
	return l.all[0]
}
