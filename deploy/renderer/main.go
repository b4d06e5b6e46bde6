// Renders a kustomization or a Helm chart: one question on standard input, manifests on standard output, the end.
//
// It is run behind walls, where no file can be opened, no network reached and no program started. So all files come with
// the question and are kept in memory, and what would have to be fetched is refused by name.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// A question. Paths lead from the folder of the unit.
type question struct {
	Render string            `json:"render"` // "kustomize" or "helm"
	Folder string            `json:"folder"` // of the kustomization or chart; "." is that of the unit
	Files  map[string][]byte `json:"files"`
	// Of charts alone.
	Release   string   `json:"release"`
	Namespace string   `json:"namespace"`
	Values    []string `json:"values"` // files, of which a later one has the last word
}

func main() {
	if len(os.Args) != 2 || os.Args[1] != "render" {
		fail(errors.New("this program is started by Writ, as a renderer that the settings of a unit name"))
	}
	made, err := answer(os.Stdin)
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(made); err != nil {
		fail(err)
	}
}

// One line: whoever asked shows the first one only.
func fail(err error) {
	fmt.Fprintln(os.Stderr, strings.Join(strings.Fields(err.Error()), " "))
	os.Exit(1)
}

// Manifests by the paths that they are shown under.
type manifests map[string]string

func answer(input io.Reader) (manifests, error) {
	var asked question
	from := json.NewDecoder(input)
	from.DisallowUnknownFields()
	if err := from.Decode(&asked); err != nil {
		return nil, fmt.Errorf("the question cannot be read: %w", err)
	}
	switch asked.Render {
	case "kustomize":
		return kustomize(asked)
	case "helm":
		return twice(asked)
	default:
		return nil, fmt.Errorf("%q is rendered by nobody here", asked.Render)
	}
}

// A chart is rendered anew whenever an agent starts: one that says something else each time would replace what runs for no
// reason that anybody could see.
func twice(asked question) (manifests, error) {
	first, err := renderChart(asked)
	if err != nil {
		return nil, err
	}
	if tellsTime(asked) {
		pastASecond()
	}
	second, err := renderChart(asked)
	if err != nil {
		return nil, err
	}
	if !maps.Equal(first, second) {
		return nil, fmt.Errorf("the chart renders to something else each time (first at %s): give what it makes up by "+
			"chance, or takes from the time of day, in its values", difference(first, second))
	}
	return first, nil
}

// The first line that differs, without what it says: that may be a password that was made up.
func difference(first, second manifests) string {
	for _, path := range sorted(first) {
		ours, theirs := strings.Split(first[path], "\n"), strings.Split(second[path], "\n")
		for number, line := range ours {
			if number >= len(theirs) || line != theirs[number] {
				key, _, _ := strings.Cut(strings.TrimSpace(line), ":")
				return fmt.Sprintf("`%s` in %s", key, path)
			}
		}
	}
	return "its number of manifests"
}

// Paths in order, so that what is said first does not change.
func sorted[Content any](files map[string]Content) []string {
	return slices.Sorted(maps.Keys(files))
}

// The files below a folder, by their paths from there.
func below(files map[string][]byte, folder string) map[string][]byte {
	if folder == "." {
		return files
	}
	inside := map[string][]byte{}
	for path, content := range files {
		if rest, found := strings.CutPrefix(path, folder+"/"); found {
			inside[rest] = bytes.Clone(content)
		}
	}
	return inside
}
