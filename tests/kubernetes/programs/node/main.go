// The node of the tests' cluster: the kubelet, and what makes addresses of services lead to pods. The kubelet cannot be
// one program with the API server: each sets the same switches of the process in its own way.
package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	programs := map[string]func() *cobra.Command{
		"kubelet": func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
		"proxy":   proxy.NewProxyCommand,
	}
	if len(os.Args) > 1 {
		if program, known := programs[os.Args[1]]; known {
			os.Args = append(os.Args[:1], os.Args[2:]...)
			os.Exit(cli.Run(program()))
		}
	}
	os.Stderr.WriteString("node: which of kubelet, proxy?\n")
	os.Exit(1)
}
