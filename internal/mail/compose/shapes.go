package compose

import (
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

// shapeKey is what distinguishes shapes. Everything else is a value, even the look of the firm. So all firms share
// their shapes, and a firm that sends one mail a week finds its shape compiled.
type shapeKey struct {
	catalog    *catalog
	paragraphs int  // of the sender's message
	details    int  // lines that name the file, the client, the day
	logo       bool // false: the firm's name in words
	signed     bool // by a person, whose name is above the firm's

	declines, declinesThere bool // it says what to do if it was not meant for its reader, and where
}

func keyOf(w words) shapeKey {
	return shapeKey{
		catalog: w.catalog, paragraphs: len(w.message), details: len(w.details),
		logo: w.brand.logo != "", signed: w.signature != w.brand.firm,
		declines: w.decline != "", declinesThere: w.declineLink != "",
	}
}

// mostShapes limits the cache. Three languages, with and without a logo and a signature, one to three details and up to
// six paragraphs make 252 shapes, and each has three ends. 768 shapes of 25 kB take 19 MB. Above the limit, the shape
// that was not used for longest is dropped.
const mostShapes = 768

// worthKeeping is the use at which a shape is compiled. Hermes renders the first mail of a shape: that takes as long as
// compiling, and a shape that is used only once (the partner's long message of 23 paragraphs) would keep 25 kB for
// nothing. The second mail shows that there may be more. One extra call of Hermes for each shape in the life of a
// process costs nothing.
const worthKeeping = 2

type keptShape struct {
	uses    atomic.Int32
	compile sync.Once // one sender compiles the shape, others that need it wait
	*shape            // set by compile; nil if Hermes failed, which is not retried
}

// render makes both parts: from the cached shape of the mail, or else by Hermes.
func (c *composer) render(w words) (html, text string, err error) {
	if s := c.shapeFor(w); s != nil {
		html, text = s.fill(w)
		return html, text, nil
	}
	return hermesRender(w)
}

// shapeFor returns nil if Hermes must render the mail.
func (c *composer) shapeFor(w words) *shape {
	if !fits(w) {
		return nil
	}
	key := keyOf(w)
	kept, known := c.shapes.Get(key)
	if !known {
		mine := &keptShape{}
		if kept, known, _ = c.shapes.PeekOrAdd(key, mine); !known {
			kept = mine
		}
	}
	if kept.uses.Add(1) < worthKeeping {
		return nil
	}
	kept.compile.Do(func() { kept.shape, _ = compile(key) })
	return kept.shape
}

// fits says whether every value can replace its mark. Hermes and its converter to text change values that are empty,
// that begin or end in blanks, that contain several blanks in a row, or that are not text. Cleaned values are none of
// these; if one is after all, Hermes renders the mail.
func fits(w words) bool {
	values := w.values()
	if len(values) > mostMarks {
		return false
	}
	for _, value := range values {
		if !tidy(value) && value != w.brand.logo {
			return false
		}
	}
	return isColor(w.brand.color) && isColor(w.brand.onColor) && (w.brand.logo == "" || tidy(w.brand.logo))
}

func isColor(value string) bool { return value != "" && validateColor(value) == nil }

func tidy(value string) bool {
	first, _ := utf8.DecodeRuneInString(value)
	last, _ := utf8.DecodeLastRuneInString(value)
	return value != "" && !unicode.IsSpace(first) && !unicode.IsSpace(last) && !strings.Contains(value, "  ") &&
		!strings.ContainsFunc(value, unicode.IsControl) && utf8.ValidString(value)
}
