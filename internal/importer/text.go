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

// maxFile is how large an export may be, in bytes. 100,000 contacts take about 15 MB.
const maxFile = 128 << 20

// Encodings a file may be in, as they are shown to the person who imports it.
const (
	utf8Name    = "UTF-8"
	utf16Name   = "UTF-16"
	windowsName = "Windows-1252"
)

// readText reads the file and finds out how its letters are written: by the byte order mark if there is one, else UTF-8
// where that is possible, else Windows-1252, in which Excel saves "CSV" on a western machine.
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
		return "", "", fmt.Errorf("encoding: the file begins like %s and is not: %w", encodingName, err)
	}
	// Both decoders put U+FFFD where a byte means nothing. A name with a hole in it must not pass for a name.
	if encodingName != utf8Name && bytes.ContainsRune(decoded, utf8.RuneError) {
		return "", "", errors.New("encoding: the file is neither UTF-8 nor UTF-16 nor Windows-1252: export it as UTF-8")
	}
	if bytes.IndexByte(decoded, 0) >= 0 {
		return "", "", errors.New("encoding: there are zero bytes in the file, which is no CSV (is it an .xlsx workbook? Save it as CSV)")
	}
	// A lone CR ends a line in what old spreadsheets on a Mac save.
	if !bytes.ContainsRune(decoded, '\n') {
		decoded = bytes.ReplaceAll(decoded, []byte{'\r'}, []byte{'\n'})
	}
	return strings.TrimPrefix(string(decoded), "\ufeff"), encodingName, nil
}
