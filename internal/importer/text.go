package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// maxFile is the greatest size of an export, in bytes. 100,000 contacts take about 15 MB.
const maxFile = 128 << 20

// The names of the encodings that a file may have, as the summary of an import shows them.
const (
	utf8Name    = "UTF-8"
	utf16Name   = "UTF-16"
	windowsName = "Windows-1252"
)

// readText reads the file and finds its encoding. A byte order mark decides. Without one, the file is UTF-8 if it is
// valid UTF-8, and otherwise Windows-1252, in which Excel saves "CSV" on a western machine.
func readText(r io.Reader) (text, encodingName string, err error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return "", "", fmt.Errorf("read the file: %w", err)
	}
	if len(raw) > maxFile {
		return "", "", fmt.Errorf("the file is larger than %d MB: split it", maxFile>>20)
	}
	var from encoding.Encoding
	switch {
	case bytes.HasPrefix(raw, []byte{0xff, 0xfe}), bytes.HasPrefix(raw, []byte{0xfe, 0xff}):
		encodingName, from = utf16Name, unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM)
	case utf8.Valid(raw):
		encodingName, from = utf8Name, unicode.UTF8BOM
	default:
		encodingName, from = windowsName, charmap.Windows1252
	}
	decoded, err := from.NewDecoder().Bytes(raw)
	if err != nil {
		return "", "", fmt.Errorf("encoding: the file begins like %s, but is not valid: %w", encodingName, err)
	}
	// Both decoders write U+FFFD for an invalid byte. A name with such a character must not be published.
	if encodingName != utf8Name && bytes.ContainsRune(decoded, utf8.RuneError) {
		return "", "", errors.New("encoding: the file is neither UTF-8 nor UTF-16 nor Windows-1252: export it as UTF-8")
	}
	if bytes.IndexByte(decoded, 0) >= 0 {
		return "", "", errors.New("encoding: the file has zero bytes, so it is not CSV " +
			"(is it an .xlsx workbook? Save it as CSV)")
	}
	// Old spreadsheets on a Mac end lines with a lone CR.
	if !bytes.ContainsRune(decoded, '\n') {
		decoded = bytes.ReplaceAll(decoded, []byte{'\r'}, []byte{'\n'})
	}
	return strings.TrimPrefix(string(decoded), "\ufeff"), encodingName, nil
}
