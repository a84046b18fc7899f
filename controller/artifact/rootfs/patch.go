package rootfs

import "path/filepath"

// stack is an image's layers, top first, with what is known of them.
type stack struct {
	view
	infos   []layerInfo
	implied []map[string]bool // by layer
}

func (s *Store) stack(names []string, infos []layerInfo) stack {
	st := stack{infos: infos}
	for i, name := range names {
		st.view = append(st.view, filepath.Join(s.dir, name, files))
		implied := map[string]bool{}
		for _, dir := range infos[i].Implied {
			implied[dir] = true
		}
		st.implied = append(st.implied, implied)
	}
	return st
}

// patch makes the layer that an image needs on top of its own, "" when it needs
// none. There are two reasons:
//
// A layer may write into a folder without saying whose it is; as overlayfs joins
// them, this folder's mode and owner would stand for those that a layer below
// gives.
//
// Where one layer alone has a folder, overlayfs lists the whiteouts in it, as
// names that cannot be opened. Where two have it, it does not.
func (s *Store) patch(names []string, infos []layerInfo) (string, error) {
	st := s.stack(names, infos)
	p := plan{}
	for layer, info := range infos {
		for _, dir := range info.Implied {
			n, owner, err := st.owner(dir)
			if err != nil {
				return "", err
			}
			if !n.isDir() || owner == n.in[0] {
				continue
			}
			if err := p.copy(dir, st.look); err != nil {
				return "", err
			}
		}
		for _, dir := range info.Hiding {
			n, err := st.find(dir)
			if err != nil {
				return "", err
			}
			if !n.isDir() || len(n.in) > 1 || n.in[0] != layer {
				continue
			}
			if err := p.copy(dir, st.look); err != nil {
				return "", err
			}
		}
	}
	if len(p) == 0 {
		return "", nil
	}
	return s.make("patch", p)
}

// owner is the layer that says what a folder looks like: the topmost that names
// it, or else the topmost that has it.
func (st *stack) owner(dir string) (n node, layer int, err error) {
	n, err = st.find(dir)
	if err != nil || !n.isDir() {
		return n, 0, err
	}
	for _, layer := range n.in {
		if !st.implied[layer][dir] {
			return n, layer, nil
		}
	}
	return n, n.in[0], nil
}

// look is what a folder looks like in the image.
func (st *stack) look(dir string) (entry, error) {
	_, layer, err := st.owner(dir)
	if err != nil {
		return entry{}, err
	}
	return st.like(layer, dir)
}
