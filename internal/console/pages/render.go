package pages

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"mime"
	"net/http"
	"path"
	"reflect"
	"strings"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static/*
var staticFiles embed.FS

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"static": staticPath,
	"pair":   func(a, b any) pair { return pair{a, b} },
}).ParseFS(templateFiles, "templates/*.html"))

// pair hands two things to a part of a page: the page, and what the part is about.
type pair struct{ A, B any }

// staticPath is the address of a file, with a hash of its content. So a browser may keep it for ever.
func staticPath(name string) string { return "/static/" + hashed[name] }

// hashed are the names of the files with their hashes, and contents their contents by those names.
var hashed, contents = readStatic()

func readStatic() (map[string]string, map[string][]byte) {
	names, byName := map[string]string{}, map[string][]byte{}
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		panic(err) // they are part of the program
	}
	for _, entry := range entries {
		raw, err := staticFiles.ReadFile("static/" + entry.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(raw)
		base, extension, _ := strings.Cut(entry.Name(), ".")
		names[entry.Name()] = base + "." + hex.EncodeToString(sum[:6]) + "." + extension
		byName[names[entry.Name()]] = raw
	}
	return names, byName
}

func serveStatic(w http.ResponseWriter, r *http.Request) {
	raw, found := contents[r.PathValue("name")]
	if !found {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(r.PathValue("name"))))
	writeCompressed(w, r, http.StatusOK, raw)
}

// render fills in the template that is named for the type of the data.
func (s *Site) render(w http.ResponseWriter, f *frame, code int, data any) {
	var page bytes.Buffer
	name := strings.TrimSuffix(reflect.TypeOf(data).Name(), "Page") + ".html"
	if err := templates.ExecuteTemplate(&page, name, data); err != nil {
		s.Log.Error().Err(err).Str("template", name).Msg("a page could not be written; this is a bug")
		http.Error(w, "This page could not be written. Report it with the time.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", string(f.Lang))
	w.Header().Set("Vary", "Accept-Language, Cookie, Accept-Encoding")
	writeCompressed(w, f.request, code, page.Bytes())
}

// writeCompressed writes a text, compressed if the browser takes that.
func writeCompressed(w http.ResponseWriter, r *http.Request, code int, text []byte) {
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.WriteHeader(code)
		_, _ = w.Write(text) // a reader who has left needs nothing
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(code)
	packed := gzip.NewWriter(w)
	_, _ = packed.Write(text)
	_ = packed.Close()
}
