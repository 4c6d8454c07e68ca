package wording

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/feature/plural"
)

// Phrase is a sentence, or a part of one, with placeholders in {braces}. It may have a form for each plural.
type Phrase struct {
	usual  []part
	plural map[plural.Form][]part
}

// part is a text, or a placeholder.
type part struct{ text, placeholder string }

var pluralForms = map[string]plural.Form{
	"zero": plural.Zero, "one": plural.One, "two": plural.Two, "few": plural.Few, "many": plural.Many,
	"other": plural.Other,
}

// UnmarshalYAML reads a phrase of a catalog: a text, or a text for each plural form. It is called by yaml.
func (p *Phrase) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		p.usual = parts(node.Value)
		return nil
	}
	var forms map[string]string
	if err := node.Decode(&forms); err != nil {
		return err
	}
	p.plural = make(map[plural.Form][]part, len(forms))
	for name, text := range forms {
		form, known := pluralForms[name]
		if !known {
			return fmt.Errorf("line %d: %q is not a plural form", node.Line, name)
		}
		p.plural[form] = parts(text)
	}
	p.usual = p.plural[plural.Other]
	return nil
}

func (p Phrase) empty() bool { return len(p.usual) == 0 }

// form is the form of the phrase for a number of things.
func (c *Catalog) form(p Phrase, count int) []part {
	if p.plural == nil {
		return p.usual
	}
	if form, ok := p.plural[plural.Cardinal.MatchPlural(c.tag, count, 0, 0, 0, 0)]; ok {
		return form
	}
	return p.usual
}

func parts(text string) (list []part) {
	for text != "" {
		before, rest, found := strings.Cut(text, "{")
		if before != "" {
			list = append(list, part{text: before})
		}
		if !found {
			break
		}
		var name string
		name, text, _ = strings.Cut(rest, "}")
		list = append(list, part{placeholder: name})
	}
	return list
}

// join puts values in the place of placeholders. Braces in a value stay.
func join(list []part, value func(placeholder string) string) string {
	var text strings.Builder
	for _, p := range list {
		text.WriteString(p.text)
		if p.placeholder != "" {
			text.WriteString(value(p.placeholder))
		}
	}
	return text.String()
}
