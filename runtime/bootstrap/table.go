package bootstrap

import (
	"slices"
	"strings"

	"github.com/rousehq/rouse"
)

// family is what runtimes have in common apart from their version.
type family int

const (
	python family = iota
	node
	provided // the code brings an executable named bootstrap
	model    // an ONNX model, served by rouse-onnx
)

// entry is one runtime.
type entry struct {
	name    string
	family  family
	program string // what runs the code; "" when the code runs itself
	image   string // base image
}

// table lists the runtimes in the order in which people are told of them.
var table = []entry{
	{"python3.8", python, "python3.8", "rouse/python3.8"},
	{"python3.9", python, "python3.9", "rouse/python3.9"},
	{"python3.10", python, "python3.10", "rouse/python3.10"},
	{"python3.11", python, "python3.11", "rouse/python3.11"},
	{"python3.12", python, "python3.12", "rouse/python3.12"},
	{"python3.13", python, "python3.13", "rouse/python3.13"},
	{"python3.14", python, "python3.14", "rouse/python3.14"},
	{"nodejs18.x", node, "node", "rouse/nodejs18.x"},
	{"nodejs20.x", node, "node", "rouse/nodejs20.x"},
	{"nodejs22.x", node, "node", "rouse/nodejs22.x"},
	{"nodejs24.x", node, "node", "rouse/nodejs24.x"},
	{"provided", provided, "", "rouse/provided"},
	{"provided.al2", provided, "", "rouse/provided"},
	{"provided.al2023", provided, "", "rouse/provided"},
	{"onnx", model, "rouse-onnx", "rouse/onnx"},
}

// Planner answers what drivers ask about runtimes. Its zero value is ready, and
// its methods are safe for concurrent use.
type Planner struct {
	// Images are base images to use instead of our own, by runtime.
	Images map[string]string
	// Region is what functions are told of theirs; empty is rouse.DefaultPlace's.
	Region string
}

// Runtimes lists the names that a spec's Runtime may have.
func (Planner) Runtimes() []string {
	names := make([]string, len(table))
	for i, e := range table {
		names[i] = e.name
	}
	return names
}

// Image is the base image of a runtime. An unknown runtime is Invalid.
func (p Planner) Image(runtime string) (string, error) {
	e, err := find(runtime)
	if image, ok := p.Images[runtime]; ok {
		return image, nil
	}
	return e.image, err
}

// Interpreter names the program that a host without images must have to run a
// runtime; "" when it needs none. An unknown runtime is Invalid.
func (Planner) Interpreter(runtime string) (string, error) {
	e, err := find(runtime)
	return e.program, err
}

func find(runtime string) (entry, error) {
	i := slices.IndexFunc(table, func(e entry) bool { return e.name == runtime })
	if i < 0 {
		return entry{}, rouse.Errorf(rouse.Invalid, "runtime %q: must be one of %s", rouse.Clip(runtime), strings.Join(Planner{}.Runtimes(), ", "))
	}
	return table[i], nil
}
