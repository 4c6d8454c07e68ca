package compose

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/matcornic/hermes/v2"
	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"

	"portal-invites/internal/rules"
	"portal-invites/internal/wording"
)

// A catalog is everything a mail says in one language (ADR 28). catalog/en.yaml says what each phrase is for.
// Placeholders are in {braces}.
type catalog struct {
	tag language.Tag // from the file's name

	wording.Calendar `yaml:",inline"`

	Direction      hermes.TextDirection `yaml:"direction"`
	Colon          string               `yaml:"colon"`
	Greeting       string               `yaml:"greeting"`
	GreetingNobody string               `yaml:"greeting_nobody"`
	Sender         string               `yaml:"sender"`
	ItemSubject    string               `yaml:"subject_of_item"`
	RemindSubject  string               `yaml:"subject_of_reminder"`
	RemindLead     string               `yaml:"lead_of_reminder"`
	Client         string               `yaml:"client"`
	Due            string               `yaml:"due"`
	Expiry         string               `yaml:"expiry"`
	ValidUntil     string               `yaml:"valid_until"`
	Trouble        string               `yaml:"trouble"`
	Footer         string               `yaml:"footer"`
	FooterReply    string               `yaml:"footer_reply"`

	Designs map[rules.Process]phrases `yaml:"designs"`
}

//go:embed catalog/*.yaml
var catalogFiles embed.FS

// ourLanguages are the catalogs, read when the first mail is composed. They are part of the program: a test reads them
// all.
var ourLanguages = sync.OnceValues(func() (*languages, error) { return readLanguages(catalogFiles, "catalog") })

// languages chooses among catalogs.
type languages struct {
	catalogs []*catalog // the fallback first
	matcher  language.Matcher
}

// fallback is the language for readers whose language is not known.
const fallback = "en"

func readLanguages(files fs.FS, dir string) (*languages, error) {
	names, err := fs.Glob(files, path.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	l := &languages{}
	var tags []language.Tag
	for _, name := range names {
		c, err := readCatalog(files, name)
		if err != nil {
			return nil, fmt.Errorf("catalog %s: %w", path.Base(name), err)
		}
		at := len(tags)
		if c.tag.String() == fallback {
			at = 0
		}
		l.catalogs, tags = slices.Insert(l.catalogs, at, c), slices.Insert(tags, at, c.tag)
	}
	if len(tags) == 0 {
		return nil, errors.New("no catalogs")
	}
	l.matcher = language.NewMatcher(tags)
	return l, nil
}

func readCatalog(files fs.FS, name string) (*catalog, error) {
	raw, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	c := &catalog{}
	if c.tag, err = language.Parse(strings.TrimSuffix(path.Base(name), ".yaml")); err != nil {
		return nil, fmt.Errorf("its name is not a language tag: %w", err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	if err := decoder.Decode(c); err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, c.validate()
}

// choose takes the first wish that a catalog fulfils. es fulfils es-MX, and by the CLDR also gl, whose readers
// understand it (RFC 4647 knows only the former). A wish for an unknown language is skipped: it must not stop a mail.
func (l *languages) choose(wishes []string) *catalog {
	for _, wish := range wishes {
		tag, _ := language.Parse(wish) // on an error, the part that could be read
		if tag == language.Und {
			continue
		}
		if _, at, confidence := l.matcher.Match(tag); confidence > language.No {
			return l.catalogs[at]
		}
	}
	return l.catalogs[0]
}

// fill replaces a phrase's placeholders by values. It goes over the phrase once, so that braces in a value stay.
func fill(phrase string, placeholdersAndValues ...string) string {
	return strings.NewReplacer(placeholdersAndValues...).Replace(phrase)
}
