package main

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/kustomize/kyaml/resid"
	"sigs.k8s.io/yaml"
)

// Renders a chart as `helm install` would, without a cluster to look at.
func renderChart(asked question) (manifests, error) {
	loaded, err := load(asked)
	if err != nil {
		return nil, err
	}
	values, err := values(asked)
	if err != nil {
		return nil, err
	}
	if err := chartutil.ProcessDependenciesWithMerge(loaded, values); err != nil {
		return nil, fmt.Errorf("the dependencies of the chart: %w", err)
	}
	options := chartutil.ReleaseOptions{Name: asked.Release, Namespace: asked.Namespace, Revision: 1, IsInstall: true}
	given, err := chartutil.ToRenderValues(loaded, values, options, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	rendered, err := engine.Render(loaded, given)
	if err != nil {
		return nil, err
	}
	return placed(asked, loaded, rendered)
}

func load(asked question) (*chart.Chart, error) {
	files := below(asked.Files, asked.Folder)
	if _, found := files["Chart.yaml"]; !found {
		return nil, fmt.Errorf("%s holds no Chart.yaml", asked.Folder)
	}
	var buffered []*loader.BufferedFile
	for _, name := range sorted(files) {
		buffered = append(buffered, &loader.BufferedFile{Name: name, Data: files[name]})
	}
	loaded, err := loader.LoadFiles(buffered)
	if err != nil {
		return nil, err
	}
	if loaded.Metadata.Type == "library" {
		return nil, fmt.Errorf("%s is a library of templates and makes nothing by itself", asked.Folder)
	}
	return loaded, refuseAbsent(loaded)
}

func refuseAbsent(loaded *chart.Chart) error {
	for _, wanted := range loaded.Metadata.Dependencies {
		named := func(own *chart.Chart) bool { return own.Name() == wanted.Name }
		if !slices.ContainsFunc(loaded.Dependencies(), named) {
			return fmt.Errorf("the chart depends on %s, which is not in its folder charts/: nothing is fetched from elsewhere, "+
				"so commit what `helm dependency update` brings", wanted.Name)
		}
	}
	return nil
}

// The values of all files together.
func values(asked question) (map[string]any, error) {
	all := map[string]any{}
	for _, name := range asked.Values {
		content, found := asked.Files[name]
		if !found {
			return nil, fmt.Errorf("there is no file %s for its values", name)
		}
		own := map[string]any{}
		if err := yaml.Unmarshal(content, &own); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = chartutil.MergeTables(own, all)
	}
	return all, nil
}

// What is made of the rendered templates: definitions of resources, and each object, in the namespace of the release if it
// names none.
func placed(asked question, loaded *chart.Chart, rendered map[string]string) (manifests, error) {
	for name := range rendered {
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(rendered, name)
		}
	}
	hooks, objects, err := releaseutil.SortManifests(rendered, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, err
	}
	if err := refuseHooks(hooks); err != nil {
		return nil, err
	}
	made := manifests{}
	wide := map[string]bool{}
	for _, definition := range loaded.CRDObjects() {
		for _, document := range documents(string(definition.File.Data)) {
			note(wide, document)
		}
		made.add(definition.Filename, string(definition.File.Data))
	}
	for _, object := range objects {
		note(wide, object.Content)
	}
	for _, object := range objects {
		text, err := inNamespace(asked.Namespace, object.Content, wide)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", object.Name, err)
		}
		made.add(object.Name, text)
	}
	return made, nil
}

func (made manifests) add(name, text string) {
	if !strings.HasSuffix(name, ".yaml") && !strings.HasSuffix(name, ".yml") {
		name += ".yaml"
	}
	if before, found := made[name]; found {
		text = strings.TrimSpace(before) + "\n---\n" + strings.TrimSpace(text)
	}
	made[name] = strings.TrimSpace(text) + "\n"
}

// Hooks are run at moments that Writ does not have. Tests are run by `helm test` alone, and no install makes them.
func refuseHooks(hooks []*release.Hook) error {
	for _, hook := range hooks {
		for _, event := range hook.Events {
			if event != release.HookTest {
				return fmt.Errorf("%s makes %s %s a hook of %s, and hooks are not run: switch it off in the values, or make "+
					"it an object like the others", hook.Path, hook.Kind, hook.Name, event)
			}
		}
	}
	return nil
}

func documents(text string) []string {
	return slices.Collect(maps.Values(releaseutil.SplitManifests(text)))
}

type head struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Spec struct {
		Group string `json:"group"`
		Scope string `json:"scope"`
		Names struct {
			Kind string `json:"kind"`
		} `json:"names"`
	} `json:"spec"`
}

// Remembers a kind that a definition of the chart puts into no namespace.
func note(wide map[string]bool, document string) {
	var read head
	if yaml.Unmarshal([]byte(document), &read) == nil && read.Kind == "CustomResourceDefinition" && read.Spec.Scope == "Cluster" {
		wide[read.Spec.Group+"/"+read.Spec.Names.Kind] = true
	}
}

func inNamespace(namespace, document string, wide map[string]bool) (string, error) {
	var read head
	if err := yaml.Unmarshal([]byte(document), &read); err != nil {
		return "", err
	}
	group := path.Dir(read.APIVersion)
	version := path.Base(read.APIVersion)
	if group == "." {
		group = ""
	}
	kind := resid.Gvk{Group: group, Version: version, Kind: read.Kind}
	if read.Metadata.Namespace != "" || kind.IsClusterScoped() || wide[group+"/"+read.Kind] || read.Kind == "List" {
		return document, nil
	}
	object := map[string]any{}
	if err := yaml.Unmarshal([]byte(document), &object); err != nil {
		return "", err
	}
	metadata, found := object["metadata"].(map[string]any)
	if !found {
		return document, nil // It has no name either, which is told where it is read.
	}
	metadata["namespace"] = namespace
	text, err := yaml.Marshal(object)
	return string(text), err
}

var now = regexp.MustCompile(`\bnow\b`)

// True if a template may ask for the time.
func tellsTime(asked question) bool {
	for name, content := range below(asked.Files, asked.Folder) {
		if strings.Contains(name, "templates/") && now.Match(content) {
			return true
		}
		// A chart within the chart that was packed is not looked into.
		if strings.HasSuffix(name, ".tgz") {
			return true
		}
	}
	return false
}

// Waits without a timer: these take calls of the kernel that the walls do not answer.
func pastASecond() {
	span := syscall.NsecToTimespec(1_100_000_000)
	for syscall.Nanosleep(&span, &span) == syscall.EINTR {
	}
}
