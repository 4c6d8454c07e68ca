package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// model is a file of docs/model, with what its header says.
type model struct {
	name       string
	path       string
	properties []string
	mutations  []mutation
}

// mutation breaks one property of a model. It is a macro that the model asks for.
type mutation struct{ name, breaks string }

var (
	propertyLine = regexp.MustCompile(`(?m)^ \* property: (\w+)`)
	mutationLine = regexp.MustCompile(`(?m)^ \* mutation: (\w+) +(\w+)$`)
	askedFor     = regexp.MustCompile(`(?m)^#ifn?def (\w+)$`)
)

// readModel reads a model's header. It returns an error if the header and the model do not fit each other: a property
// that nothing checks or that no mutation breaks, or a mutation without a place.
func readModel(path string) (model, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return model{}, err
	}
	text := string(content)
	m := model{name: strings.TrimSuffix(filepath.Base(path), ".pml"), path: path}
	broken, places := map[string]bool{}, map[string]bool{}
	for _, line := range mutationLine.FindAllStringSubmatch(text, -1) {
		m.mutations = append(m.mutations, mutation{line[1], line[2]})
		broken[line[2]], places[line[1]] = true, true
	}
	for _, line := range propertyLine.FindAllStringSubmatch(text, -1) {
		m.properties = append(m.properties, line[1])
		if !broken[line[1]] {
			return m, fmt.Errorf("%s: no mutation breaks the property %s", path, line[1])
		}
		if !strings.Contains(text, "must("+line[1]+",") {
			return m, fmt.Errorf("%s: nothing checks the property %s", path, line[1])
		}
		delete(broken, line[1])
	}
	for property := range broken {
		return m, fmt.Errorf("%s: the header has no property %s", path, property)
	}
	asked := map[string]bool{}
	for _, line := range askedFor.FindAllStringSubmatch(text, -1) {
		asked[line[1]] = true
		if !places[line[1]] {
			return m, fmt.Errorf("%s: the header has no mutation %s", path, line[1])
		}
	}
	for place := range places {
		if !asked[place] {
			return m, fmt.Errorf("%s: the mutation %s changes nothing", path, place)
		}
	}
	if len(m.properties) == 0 {
		return m, fmt.Errorf("%s: the header names no property", path)
	}
	return m, nil
}

// checks are the model as it is, and each of its mutations. Each check has a folder of its own.
func (m model) checks(folder string) []check {
	checks := []check{{model: m, folder: filepath.Join(folder, m.name)}}
	for _, mutated := range m.mutations {
		checks = append(checks, check{m, mutated, filepath.Join(folder, m.name+"-"+mutated.name)})
	}
	return checks
}
