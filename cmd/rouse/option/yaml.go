package option

import (
	"errors"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/suggest"
)

// File is a YAML document whose errors name the file, line and column.
type File struct {
	name    string
	anchors anchors
}

type anchors map[string]ast.Node

// Visit notes one node; it makes anchors an ast.Visitor.
func (a anchors) Visit(n ast.Node) ast.Visitor {
	if anchor, ok := n.(*ast.AnchorNode); ok {
		a[anchor.Name.GetToken().Value] = anchor.Value
	}
	return a
}

// Node is one value of a File.
type Node struct {
	file  *File
	node  ast.Node // nil for null
	depth int      // aliases followed on the way here
}

// maxDepth bounds aliases that stand for aliases.
const maxDepth = 32

// Parse reads one YAML document. name is for messages. An empty one has no keys.
func Parse(name string, data []byte) (Node, error) {
	f := &File{name: name, anchors: make(anchors)}
	parsed, err := parser.ParseBytes(data, 0)
	if err != nil {
		var at yaml.Error
		if errors.As(err, &at) && at.GetToken() != nil {
			return Node{}, f.errorAt(at.GetToken(), "%s", at.GetMessage())
		}
		return Node{}, rouse.Errorf(rouse.Invalid, "%s: %v", name, err)
	}
	if len(parsed.Docs) > 1 {
		return Node{}, f.errorAt(parsed.Docs[1].GetToken(), "a second document; only one is read")
	}
	if len(parsed.Docs) == 0 || parsed.Docs[0].Body == nil {
		return Node{file: f}, nil
	}
	ast.Walk(f.anchors, parsed.Docs[0].Body)
	return f.at(parsed.Docs[0].Body, 0)
}

// at strips what stands around a value: anchors, aliases and tags.
func (f *File) at(n ast.Node, depth int) (Node, error) {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return Node{file: f}, nil
	case *ast.AnchorNode:
		return f.at(n.Value, depth)
	case *ast.TagNode:
		return f.at(n.Value, depth)
	case *ast.CommentGroupNode:
		return Node{file: f}, nil
	case *ast.AliasNode:
		target, ok := f.anchors[n.Value.GetToken().Value]
		if !ok {
			return Node{}, f.errorAt(n.GetToken(), "no anchor %q", n.Value.GetToken().Value)
		}
		if depth >= maxDepth {
			return Node{}, f.errorAt(n.GetToken(), "alias %q leads to itself or through too many others", n.Value.GetToken().Value)
		}
		return f.at(target, depth+1)
	}
	return Node{file: f, node: n, depth: depth}, nil
}

func (f *File) errorAt(t *token.Token, format string, args ...any) error {
	where := f.name
	if t != nil && t.Position != nil {
		where = fmt.Sprintf("%s:%d:%d", f.name, t.Position.Line, t.Position.Column)
	}
	return rouse.Errorf(rouse.Invalid, "%s: %s", where, fmt.Sprintf(format, args...))
}

// Errorf is an Invalid error that begins with the node's place.
func (n Node) Errorf(format string, args ...any) error {
	var t *token.Token
	if n.node != nil {
		t = n.node.GetToken()
	}
	return n.file.errorAt(t, format, args...)
}

// Map calls do with each key and value of a mapping; null has none. The key is
// a node too, for its place.
func (n Node) Map(do func(key string, at, value Node) error) error {
	var values []*ast.MappingValueNode
	switch m := n.node.(type) {
	case nil:
		return nil
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		return n.Errorf("must be a mapping of keys to values")
	}
	// What is merged in comes first, so that a key beside it wins.
	values = slices.Clone(values)
	slices.SortStableFunc(values, func(a, b *ast.MappingValueNode) int { return merged(b) - merged(a) })
	for _, kv := range values {
		value, err := n.file.at(kv.Value, n.depth)
		if err != nil {
			return err
		}
		if kv.Key.IsMergeKey() {
			err = value.Map(do)
		} else {
			err = do(kv.Key.GetToken().Value, Node{file: n.file, node: kv.Key}, value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// List calls do with each item of a list; null has none.
func (n Node) List(do func(item Node) error) error {
	if n.node == nil {
		return nil
	}
	list, ok := n.node.(*ast.SequenceNode)
	if !ok {
		return n.Errorf("must be a list")
	}
	for _, item := range list.Values {
		value, err := n.file.at(item, n.depth)
		if err == nil {
			err = do(value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func merged(kv *ast.MappingValueNode) int {
	if kv.Key.IsMergeKey() {
		return 1
	}
	return 0
}

// Into reads a mapping into the struct that ptr points at. A key that the
// struct does not have is an error that names the nearest.
func (n Node) Into(ptr any) error {
	fields := Fields(ptr)
	return n.Map(func(key string, at, value Node) error {
		f, ok := Find(fields, key)
		if !ok {
			return at.Unknown(key, Keys(fields))
		}
		if value.node == nil {
			return nil
		}
		return value.setField(f)
	})
}

// Unknown is the error for a key that is none of the known ones.
func (n Node) Unknown(key string, known []string) error {
	if near := suggest.Nearest(key, known); near != "" {
		return n.Errorf("unknown key %q; did you mean %q?", key, near)
	}
	return n.Errorf("unknown key %q; known are %s", key, orList(known))
}

func (n Node) setField(f Field) error {
	if own, ok := f.value.Addr().Interface().(Reader); ok {
		return own.ReadYAML(n)
	}
	_, isMap := f.dict()
	switch m := n.node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return n.setMap(f)
	case *ast.SequenceNode:
		if !isMap {
			return n.setList(f, m.Values)
		}
	}
	if isMap {
		return n.Errorf("%s: must be a mapping of keys to values, like {KEY: value}", f.Key)
	}
	text, ok := n.scalar()
	if !ok {
		return n.Errorf("%s: must be one value", f.Key)
	}
	if own, isList := f.list(); isList {
		*own = nil // the file's value replaces a merged one
	}
	if err := f.Set(text); err != nil {
		var public *rouse.Error
		if errors.As(err, &public) {
			return n.Errorf("%s: %s", f.Key, public.Message)
		}
		return n.Errorf("%s: %v", f.Key, err)
	}
	return nil
}

func (n Node) setList(f Field, values []ast.Node) error {
	own, isList := f.list()
	if !isList {
		return n.Errorf("%s: must be one value, not a list", f.Key)
	}
	items := make([]string, 0, len(values))
	for _, item := range values {
		value, err := n.file.at(item, n.depth)
		if err != nil {
			return err
		}
		text, ok := value.scalar()
		if !ok {
			return value.Errorf("%s: items must be plain values", f.Key)
		}
		items = append(items, text)
	}
	*own = items
	return nil
}

func (n Node) setMap(f Field) error {
	own, isMap := f.dict()
	if !isMap {
		return n.Errorf("%s: must be one value, not a mapping", f.Key)
	}
	*own = make(map[string]string)
	return n.Map(func(key string, _, value Node) error {
		text, ok := value.scalar()
		if !ok {
			return value.Errorf("%s: values must be plain", f.Key)
		}
		(*own)[key] = text
		return nil
	})
}

func (f Field) list() (*[]string, bool) {
	if !f.value.CanConvert(stringsType) {
		return nil, false
	}
	own, ok := f.value.Addr().Convert(stringsPointer).Interface().(*[]string)
	return own, ok
}

func (f Field) dict() (*map[string]string, bool) {
	own, ok := f.value.Addr().Interface().(*map[string]string)
	return own, ok
}

// scalar is the text of a plain value as it stands in the file, so that 1.10
// stays 1.10 where a string is wanted; null is "".
func (n Node) scalar() (string, bool) {
	switch v := n.node.(type) {
	case nil:
		return "", true
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return v.Value.Value, true
	case ast.ScalarNode:
		return v.GetToken().Value, true
	}
	return "", false
}
