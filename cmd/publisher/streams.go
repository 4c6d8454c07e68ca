package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"portal-invites/internal/app"
)

// The values of -o.
const (
	outputText = "text"
	outputJSON = "json"
)

// open returns the named file, or standard input for "-", and a function that closes it.
func open(path string, stdin io.Reader) (io.Reader, func(), error) {
	if path == "-" {
		return stdin, func() {}, nil
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, app.Usagef("%s: there is no such file", path)
	}
	if err != nil {
		return nil, nil, app.UsageError{Err: err}
	}
	return file, func() { _ = file.Close() }, nil // the file is only read, so a failing close loses nothing
}

// readData returns the data that --data names: JSON, @ and a file's name, or - for standard input.
func readData(data string, stdin io.Reader) ([]byte, error) {
	path, isFile := strings.CutPrefix(data, "@")
	if data != "-" && !isFile {
		return []byte(data), nil
	}
	in, closeInput, err := open(path, stdin)
	if err != nil {
		return nil, err
	}
	defer closeInput()
	content, err := io.ReadAll(io.LimitReader(in, maxLine+1))
	if err != nil {
		return nil, fmt.Errorf("read the data: %w", err)
	}
	if len(content) > maxLine {
		return nil, fmt.Errorf("data: is larger than %d MB", maxLine>>20)
	}
	return content, nil
}

var notInURI = regexp.MustCompile(`[^A-Za-z0-9._~-]+`)

// defaultSource returns a source with this machine's name, so that people who publish by hand do not have to invent
// one.
func defaultSource() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		return "publisher"
	}
	return "publisher/" + notInURI.ReplaceAllString(host, "-")
}

func printJSON(w io.Writer, value any) {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	// All values are structs of plain values, so only the write can fail. Then nobody could read an error either.
	_ = encoder.Encode(value)
}

// count returns "1 event", "12 events".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
