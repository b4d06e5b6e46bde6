package main

import (
	"fmt"
	"path"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// The folder in memory that stands for that of the unit.
const unit = "/unit"

// Builds a kustomization as `kubectl kustomize` does, with files of the repository alone.
func kustomize(asked question) (manifests, error) {
	files := filesys.MakeFsInMemory()
	for _, name := range sorted(asked.Files) {
		if err := files.WriteFile(path.Join(unit, name), asked.Files[name]); err != nil {
			return nil, err
		}
	}
	for _, name := range sorted(asked.Files) {
		if isKustomization(name) {
			if err := refuseRemote(files, name, asked.Files[name]); err != nil {
				return nil, err
			}
		}
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, path.Join(unit, asked.Folder))
	if err != nil {
		return nil, fmt.Errorf("kustomize: %s", strings.ReplaceAll(err.Error(), unit+"/", ""))
	}
	made := manifests{}
	for index, object := range built.Resources() {
		text, err := object.AsYAML()
		if err != nil {
			return nil, err
		}
		name := strings.ToLower(object.GetKind()) + "." + object.GetName()
		if space := object.GetNamespace(); space != "" {
			name = space + "/" + name
		}
		if _, taken := made[name+".yaml"]; taken {
			name += fmt.Sprintf(".%d", index) // Of another group.
		}
		made[name+".yaml"] = string(text)
	}
	return made, nil
}

func isKustomization(name string) bool {
	switch path.Base(name) {
	case "kustomization.yaml", "kustomization.yml", "Kustomization":
		return true
	}
	return false
}

// Refuses what is not in the repository: a commit would not say what it stands for, and nothing is fetched here.
func refuseRemote(files filesys.FileSystem, name string, content []byte) error {
	var read types.Kustomization
	if yaml.Unmarshal(content, &read) != nil {
		return nil // The builder tells what is wrong with it, should it come by here.
	}
	lists := []struct {
		field string
		items []string
	}{
		{"resources", read.Resources}, {"bases", read.Bases}, {"components", read.Components}, {"crds", read.Crds},
		{"configurations", read.Configurations}, {"transformers", read.Transformers}, {"generators", read.Generators},
		{"validators", read.Validators},
	}
	for _, list := range lists {
		for index, item := range list.items {
			// Those of the last three may stand in place, as text of several lines.
			if strings.Contains(item, "\n") || files.Exists(path.Join(unit, path.Dir(name), item)) {
				continue
			}
			return fmt.Errorf("%s: `%s[%d]` is %q, which the folder of the unit does not hold: nothing is fetched "+
				"from elsewhere, so copy it into the repository", name, list.field, index, item)
		}
	}
	if len(read.HelmCharts) > 0 || read.HelmChartInflationGenerator != nil {
		return fmt.Errorf("%s: charts are not rendered within a kustomization: give the chart a unit of its own", name)
	}
	return nil
}
