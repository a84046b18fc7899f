//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

// Command rouse-agent is the first process of each sandbox. Rouse places and
// starts it; it has no use of its own.
package main

import (
	"os"

	"github.com/rousehq/rouse/runtime/agent"
)

func main() {
	if agent.Launching() {
		agent.Launch()
	}
	config, err := agent.FromEnv()
	if err == nil {
		err = agent.Run(config)
	}
	if err != nil {
		_, _ = os.Stderr.WriteString("rouse-agent: " + err.Error() + "\n")
		os.Exit(1)
	}
}
