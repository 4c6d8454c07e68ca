package wording

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// validate reports phrases that are empty or name a placeholder that does not exist. They would leave a gap.
func (c *Catalog) validate() error {
	wrong := []error{c.Validate()}
	walk("", reflect.ValueOf(*c), func(at string, phrase any) {
		switch phrase := phrase.(type) {
		case string:
			if phrase == "" {
				wrong = append(wrong, fmt.Errorf("%s: empty", at))
			}
		case Phrase:
			wrong = append(wrong, c.check(at, phrase))
		}
	})
	return errors.Join(wrong...)
}

func (c *Catalog) check(at string, p Phrase) error {
	if p.empty() {
		return fmt.Errorf("%s: empty", at)
	}
	for _, form := range append([][]part{p.usual}, slices.Collect(maps.Values(p.plural))...) {
		for _, part := range form {
			if _, known := c.value(part.placeholder, &Names{}); part.placeholder != "" && !known {
				return fmt.Errorf("%s: there is no placeholder {%s}", at, part.placeholder)
			}
		}
	}
	return nil
}

// walk visits every text and phrase below a value, with its path in the catalog.
func walk(at string, v reflect.Value, visit func(at string, phrase any)) {
	below := func(key string, v reflect.Value) {
		walk(strings.TrimPrefix(at+"."+strings.TrimSuffix(key, ",inline"), "."), v, visit)
	}
	if phrase, ok := reflect.TypeAssert[Phrase](v); ok {
		visit(at, phrase)
		return
	}
	switch v.Kind() { //nolint:exhaustive // a catalog is made of these
	case reflect.String:
		visit(at, v.String())
	case reflect.Struct:
		for field, value := range v.Fields() {
			if field.IsExported() {
				below(field.Tag.Get("yaml"), value)
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			below(key.String(), v.MapIndex(key))
		}
	}
}
