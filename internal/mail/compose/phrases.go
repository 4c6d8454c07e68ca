package compose

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// phrases is one design in one language.
type phrases struct {
	Subject     string `yaml:"subject"`
	Lead        string `yaml:"lead"`
	Item        string `yaml:"item"` // the name for what is shared; empty if the design names nothing
	Instruction string `yaml:"instruction"`
	Button      string `yaml:"button"`
}

// validate reports which phrases are missing, outside the designs and in each design, and which belong to no design. An
// empty phrase would leave a gap in a mail.
func (c *catalog) validate() error {
	var wrong []error
	for _, phrase := range append(emptyPhrases(*c), emptyPhrases(c.Calendar)...) {
		wrong = append(wrong, fmt.Errorf("%s: empty", phrase))
	}
	for _, process := range slices.Sorted(maps.Keys(designs)) {
		for _, phrase := range emptyPhrases(c.Designs[process]) {
			if phrase != "item" || designs[process].item {
				wrong = append(wrong, fmt.Errorf("designs.%s.%s: empty", process, phrase))
			}
		}
	}
	for _, process := range slices.Sorted(maps.Keys(c.Designs)) {
		if d, designed := designs[process]; !designed {
			wrong = append(wrong, fmt.Errorf("designs.%s: no process of this name has a design", process))
		} else if !d.item && c.Designs[process].Item != "" {
			wrong = append(wrong, fmt.Errorf("designs.%s.item: its design names nothing", process))
		}
	}
	return errors.Join(wrong...)
}

// emptyPhrases returns the keys of the empty texts of a struct.
func emptyPhrases(of any) (keys []string) {
	texts := reflect.ValueOf(of)
	for field, text := range texts.Fields() {
		if text.Kind() == reflect.String && text.String() == "" {
			keys = append(keys, field.Tag.Get("yaml"))
		}
	}
	return keys
}
