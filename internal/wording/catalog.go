package wording

import (
	"embed"
	"fmt"
	"sync"

	"golang.org/x/text/language"
)

// Catalog is everything the office reads in one language. catalog/en.yaml says what each phrase is for.
type Catalog struct {
	tag language.Tag // from the file's name

	Calendar `yaml:",inline"`

	Unnamed struct {
		Contact  Phrase `yaml:"contact"`
		Client   Phrase `yaml:"client"`
		Template Phrase `yaml:"template"`
		Nobody   string `yaml:"nobody"`
		Holder   string `yaml:"holder"`
	} `yaml:"unnamed"`
	Processes map[string]string            `yaml:"processes"`
	Reasons   map[string]map[string]Advice `yaml:"reasons"` // by code, and by case
	Failures  map[string]Advice            `yaml:"failures"`
	Labels    map[string]Phrase            `yaml:"labels"` // of statuses, like the next two
	Sentences map[string]Phrase            `yaml:"sentences"`
	Remedies  map[string]Phrase            `yaml:"remedies"`
	Warnings  map[string]Phrase            `yaml:"warnings"`
}

// Advice says what is wrong, and what a person can do about it.
type Advice struct {
	Explanation Phrase `yaml:"explanation"`
	Remedy      Phrase `yaml:"remedy"`
}

//go:embed catalog/*.yaml
var catalogFiles embed.FS

// ours are the catalogs, read when the first words are told. They are part of the program, and a test reads them all,
// so an error is a mistake in the program.
var ours = sync.OnceValue(func() *Catalogs[Catalog] {
	l, err := ReadCatalogs(catalogFiles, "catalog", (*Catalog).accept)
	if err != nil {
		panic(err)
	}
	return l
})

func (c *Catalog) accept(tag language.Tag) error {
	c.tag = tag
	return c.validate()
}

// English is the catalog of outcomes, whose bytes must not depend on a setting.
func English() *Catalog { return ours().All()[0] }

// In is the catalog for the first language tag that one is there for, by [Catalogs.Choose].
func In(tags ...string) *Catalog { return ours().Choose(tags...) }

// Languages are the tags of the catalogs, English first.
func Languages() []string {
	tags := make([]string, len(ours().All()))
	for i, c := range ours().All() {
		tags[i] = c.Language()
	}
	return tags
}

// Language is the catalog's language tag.
func (c *Catalog) Language() string { return c.tag.String() }

// Process is what somebody was doing when they invited, as in "sharing a file".
func (c *Catalog) Process(process string) string { return c.Processes[process] }

// Plain is the usual case of a code's words.
const Plain = "plain"

// Reason puts a reason into words. It panics if the code has no words for the case: codes and cases are not read from
// outside, so the phrase was forgotten in the catalog.
func (c *Catalog) Reason(code, which string, n *Names) (explanation, remedy string) {
	advice, ok := c.Reasons[code][which]
	if !ok {
		panic(fmt.Sprintf("internal/wording/catalog/%s.yaml has no words for reasons.%s.%s", c.tag, code, which))
	}
	return c.say(advice.Explanation, n), c.say(advice.Remedy, n)
}

// Failure says why a mail failed, and what to do about it. Like the methods below, it panics if there are no such
// words.
func (c *Catalog) Failure(which string, n *Names) (explanation, remedy string) {
	advice, ok := c.Failures[which]
	if !ok {
		panic(fmt.Sprintf("internal/wording/catalog/%s.yaml has no words for failures.%s", c.tag, which))
	}
	return c.say(advice.Explanation, n), c.say(advice.Remedy, n)
}

// Label is a status in a few words.
func (c *Catalog) Label(which string, n *Names) string { return c.find("labels", c.Labels, which, n) }

// Sentence is a sentence of a status.
func (c *Catalog) Sentence(which string, n *Names) string {
	return c.find("sentences", c.Sentences, which, n)
}

// Remedy is what to do about a status.
func (c *Catalog) Remedy(which string, n *Names) string {
	return c.find("remedies", c.Remedies, which, n)
}

// Warning says what was told and could not be taken as it was told.
func (c *Catalog) Warning(which string, n *Names) string {
	return c.find("warnings", c.Warnings, which, n)
}

func (c *Catalog) find(section string, phrases map[string]Phrase, which string, n *Names) string {
	phrase, ok := phrases[which]
	if !ok {
		panic(fmt.Sprintf("internal/wording/catalog/%s.yaml has no words for %s.%s", c.tag, section, which))
	}
	return c.say(phrase, n)
}

func (c *Catalog) say(p Phrase, n *Names) string {
	return join(c.form(p, n.Count), func(placeholder string) string {
		value, _ := c.value(placeholder, n)
		return value
	})
}
