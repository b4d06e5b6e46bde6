// Applies the objects of a file as Flux does, by its own engine, for a comparison.
//
//	flux KUBECONFIG FILE
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/utils"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func run(kubeconfig, file string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	// The limits that its controllers are started with.
	config.QPS, config.Burst = 50, 300
	reader, err := os.Open(file)
	if err != nil {
		return err
	}
	objects, err := utils.ReadObjects(reader)
	if err != nil {
		return err
	}
	to, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	owner := ssa.Owner{Field: "flux", Group: "flux.example.org"}
	changes, err := ssa.NewResourceManager(to, nil, owner).ApplyAllStaged(context.Background(), objects, ssa.DefaultApplyOptions())
	if err != nil {
		return err
	}
	counts := map[ssa.Action]int{}
	for _, entry := range changes.Entries {
		counts[entry.Action]++
	}
	fmt.Println(counts)
	return nil
}

func main() {
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
