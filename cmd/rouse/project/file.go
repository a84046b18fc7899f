package project

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/option"
)

// FileName is what a project's file is called when nobody says otherwise.
const FileName = "rouse.yaml"

// Named is a function of a project.
type Named struct {
	Name rouse.FunctionName
	Function
}

// Project is a file's content, in its order.
type Project struct {
	Dir       string // the file's folder, to which paths in it are relative
	Functions []Named
	Queues    []Queue
	Mappings  []Mapping
	Schedules []rouse.Schedule
}

// keys are a file's, but for those that begin with x-.
var keys = []string{"functions", "queues", "mappings", "schedules"}

// Load reads a project's file. Mistakes are Invalid errors with line and column.
func Load(file string) (Project, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return Project{}, rouse.Errorf(rouse.Invalid, "%v", err)
	}
	p, err := parse(file, b)
	p.Dir = filepath.Dir(file)
	return p, err
}

func parse(name string, b []byte) (p Project, err error) {
	root, err := option.Parse(name, b)
	if err != nil {
		return p, err
	}
	err = root.Map(func(key string, at, value option.Node) error {
		switch {
		case strings.HasPrefix(key, "x-"): // a place for anchors
			return nil
		case key == "functions":
			return value.Map(p.addFunction)
		case key == "queues":
			return value.Map(p.addQueue)
		case slices.Contains(keys, key):
			return nil
		}
		return at.Unknown(key, keys)
	})
	if err == nil && len(p.Functions) == 0 {
		err = rouse.Errorf(rouse.Invalid, "%s: declares no functions", name)
	}
	if err != nil {
		return p, err
	}
	// What calls functions comes after all of them, wherever it stands.
	return p, root.Map(func(key string, _, value option.Node) error {
		switch key {
		case "mappings":
			return value.List(p.addMapping)
		case "schedules":
			return value.Map(p.addSchedule)
		}
		return nil
	})
}

func (p *Project) addFunction(key string, at, value option.Node) error {
	fn, err := readFunction(key, at, value)
	if err == nil && p.Declares(fn.Name) {
		err = at.Errorf("function %q is declared twice", key)
	}
	p.Functions = append(p.Functions, fn)
	return err
}

func (p *Project) addQueue(key string, at, value option.Node) error {
	q, err := readQueue(key, at, value)
	p.Queues = append(p.Queues, q)
	return err
}

func (p *Project) addMapping(value option.Node) error {
	m, err := readMapping(value)
	switch {
	case err != nil:
	case !p.Declares(m.Ref.Name):
		err = value.Errorf("mapping of queue %s: this file declares no function %s", m.Queue, m.Ref.Name)
	case slices.ContainsFunc(p.Mappings, func(other Mapping) bool { return other.Queue == m.Queue && other.Ref == m.Ref }):
		err = value.Errorf("the mapping of queue %s to %s is declared twice", m.Queue, m.Ref)
	}
	p.Mappings = append(p.Mappings, m)
	return err
}

func (p *Project) addSchedule(key string, at, value option.Node) error {
	s, err := readSchedule(key, at, value)
	if err == nil && !p.Declares(s.Function) {
		err = at.Errorf("schedule %s: this file declares no function %s", key, s.Function)
	}
	p.Schedules = append(p.Schedules, s)
	return err
}

// Declares says whether a function is among the project's.
func (p *Project) Declares(name rouse.FunctionName) bool {
	return slices.ContainsFunc(p.Functions, func(fn Named) bool { return fn.Name == name })
}

// Only is the project as if its functions were those for which keep is true: with
// their mappings and schedules, and all queues.
func (p Project) Only(keep func(rouse.FunctionName) bool) Project {
	p.Functions = slices.DeleteFunc(slices.Clone(p.Functions), func(fn Named) bool { return !keep(fn.Name) })
	p.Mappings = slices.DeleteFunc(slices.Clone(p.Mappings), func(m Mapping) bool { return !keep(m.Ref.Name) })
	p.Schedules = slices.DeleteFunc(slices.Clone(p.Schedules), func(s rouse.Schedule) bool { return !keep(s.Function) })
	return p
}

func readFunction(key string, at, value option.Node) (Named, error) {
	name, err := rouse.ParseFunctionName(key)
	if err != nil {
		return Named{}, at.Errorf("name %q: use 1 to 64 letters, digits, '-' or '_'", key)
	}
	fn := Named{Name: name}
	if err := value.Into(&fn.Function); err != nil {
		return Named{}, err
	}
	if err := fn.checkArtifact(); err != nil {
		return Named{}, at.Errorf("function %s: %s", name, err.(*rouse.Error).Message)
	}
	return fn, nil
}
