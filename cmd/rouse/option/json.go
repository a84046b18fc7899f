package option

import (
	"bytes"
	"encoding/json"

	"github.com/goccy/go-yaml/ast"
)

// maxValues bounds what a value may have inside, since aliases can multiply it.
const maxValues = 10_000

// JSON is the value, however deep, as JSON; null is null.
func (n Node) JSON() (json.RawMessage, error) {
	left := maxValues
	v, err := n.tree(&left)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, n.Errorf("cannot be written as JSON: %v", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// tree is the value as encoding/json takes it. left is how many more there may be.
func (n Node) tree(left *int) (any, error) {
	if *left--; *left < 0 {
		return nil, n.Errorf("more than %d values", maxValues)
	}
	switch v := n.node.(type) {
	case nil:
		return nil, nil
	case *ast.MappingNode, *ast.MappingValueNode:
		object := map[string]any{}
		err := n.Map(func(key string, _, value Node) error {
			inner, err := value.tree(left)
			object[key] = inner
			return err
		})
		return object, err
	case *ast.SequenceNode:
		list := []any{}
		err := n.List(func(item Node) error {
			inner, err := item.tree(left)
			list = append(list, inner)
			return err
		})
		return list, err
	case *ast.BoolNode:
		return v.Value, nil
	case *ast.IntegerNode:
		return v.Value, nil
	case *ast.FloatNode:
		return v.Value, nil
	case *ast.StringNode, *ast.LiteralNode:
		text, _ := n.scalar()
		return text, nil
	}
	return nil, n.Errorf("cannot be written as JSON")
}
