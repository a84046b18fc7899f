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

// Project is a file's content.
type Project struct {
	Dir       string // the file's folder, to which paths in it are relative
	Functions []Named
}

// Load reads a project's file. Mistakes are Invalid errors with line and column.
func Load(file string) (Project, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return Project{}, rouse.Errorf(rouse.Invalid, "%v", err)
	}
	fns, err := parse(file, b)
	return Project{Dir: filepath.Dir(file), Functions: fns}, err
}

func parse(name string, b []byte) ([]Named, error) {
	root, err := option.Parse(name, b)
	if err != nil {
		return nil, err
	}
	var fns []Named
	err = root.Map(func(key string, at, value option.Node) error {
		switch {
		case strings.HasPrefix(key, "x-"): // a place for anchors
			return nil
		case key != "functions":
			return at.Unknown(key, []string{"functions"})
		}
		return value.Map(func(key string, at, value option.Node) error {
			fn, err := readFunction(key, at, value)
			if err == nil && slices.ContainsFunc(fns, func(other Named) bool { return other.Name == fn.Name }) {
				err = at.Errorf("function %q is declared twice", key)
			}
			fns = append(fns, fn)
			return err
		})
	})
	if err == nil && len(fns) == 0 {
		err = rouse.Errorf(rouse.Invalid, "%s: declares no functions", name)
	}
	return fns, err
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
