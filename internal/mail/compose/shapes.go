package compose

import (
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

// shapeKey is what makes one shape differ from another. Everything else a mail
// says is a value, the firm's look too: all firms share their shapes, so a firm
// that sends its one mail this week finds it compiled.
type shapeKey struct {
	catalog    *catalog
	paragraphs int  // of the sender's message
	details    int  // lines that name the file, the client, the day
	logo       bool // or else the firm's name in words
	signed     bool // by a person, whose name stands above the firm's
}

func keyOf(w words) shapeKey {
	return shapeKey{
		catalog: w.catalog, paragraphs: len(w.message), details: len(w.details),
		logo: w.brand.logo != "", signed: w.signature != w.brand.firm,
	}
}

// mostShapes bounds what a composer keeps. Three languages, with and without a
// logo and a signature, one to three details and up to six paragraphs make 252.
// At 25 kB each it is 12 MB; past the limit, the shape longest unused goes.
const mostShapes = 512

// worthKeeping is the use at which a shape is compiled. The first mail of a
// shape is left to Hermes: it costs as much as compiling does, and what comes
// once (the partner's long message of 23 paragraphs) leaves 25 kB behind for
// nobody. The second shows that there may be more, and one Hermes too many for
// each shape in a process's life is nothing.
const worthKeeping = 2

type keptShape struct {
	uses    atomic.Int32
	compile sync.Once // senders that need the same shape at once wait for one of them to compile it
	*shape            // nil where Hermes failed, which is tried no more
}

// render makes both parts: from the mail's shape where it is kept, and
// otherwise by Hermes.
func (c *composer) render(w words) (html, text string, err error) {
	if s := c.shapeFor(w); s != nil {
		html, text = s.fill(w)
		return html, text, nil
	}
	return hermesRender(w)
}

// shapeFor returns nil where Hermes has to render the mail.
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

// fits says whether every value can stand where its mark stood. Hermes and its
// converter to text move values that are empty, that begin or end in blanks or
// hold several in a row, and that are not text; what is cleaned has none, and
// should it have one after all, Hermes shall decide.
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
	return validateColor(w.brand.color) == nil && validateColor(w.brand.onColor) == nil && w.brand.color != "" && w.brand.onColor != "" &&
		(w.brand.logo == "" || tidy(w.brand.logo))
}

func tidy(value string) bool {
	first, _ := utf8.DecodeRuneInString(value)
	last, _ := utf8.DecodeLastRuneInString(value)
	return value != "" && !unicode.IsSpace(first) && !unicode.IsSpace(last) && !strings.Contains(value, "  ") &&
		!strings.ContainsFunc(value, unicode.IsControl) && utf8.ValidString(value)
}
