package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/rousehq/rouse"
)

// The format's name and the schema that this code writes.
const (
	format = "rouse"
	schema = "2"
)

// kind is what a file is for: its format's name, the schema that this
// code writes, and its buckets.
type kind struct {
	format, schema string
	before         string // the schema that lacks buckets only, which prepare makes; "" for none
	buckets        [][]byte
}

var definitions = kind{format: format, schema: schema, before: "1", buckets: [][]byte{functions, revisions, layers, settings}}

var (
	meta      = []byte("meta")
	keyFormat = []byte("format")
	keySchema = []byte("schema")
)

// Options change how a file is opened.
type Options struct {
	// LockWait is how long to wait for another process that has the file open;
	// 0 is one second, which covers a predecessor that is about to end.
	LockWait time.Duration
}

// Open opens the file at path or makes it. Only one process can have it open.
// A file that is not Rouse's, or of another schema, is refused and stays
// byte for byte as it was. Whoever opens closes.
func Open(path string, o Options) (*Store, error) {
	if o.LockWait == 0 {
		o.LockWait = time.Second
	}
	if err := inspect(path, o.LockWait, func(tx *bbolt.Tx) error {
		if err := known(tx, definitions); err != nil {
			return err
		}
		return readable(tx)
	}); err != nil {
		return nil, err
	}
	db, err := openFile(path, &bbolt.Options{Timeout: o.LockWait, FreelistType: bbolt.FreelistMapType, NoStatistics: true})
	if err != nil {
		return nil, err
	}
	opened, err := os.Stat(path)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &Store{db: db, path: path, opened: opened}
	s.group = newGroup(s.update)
	if err := s.update(func(tx *bbolt.Tx) error { return prepare(tx, definitions) }); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// inspect has look read the file without writing to it: even an empty
// transaction of bbolt would change a page. A new file has nothing to look at.
func inspect(path string, lockWait time.Duration, look func(*bbolt.Tx) error) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("opening the store: %w", err)
	}
	if !info.Mode().IsRegular() {
		return rouse.Errorf(rouse.Invalid, "%s is not a file", path)
	}
	db, err := openFile(path, &bbolt.Options{Timeout: lockWait, ReadOnly: true})
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // read-only
	return explain(path, guard(func() error {
		return db.View(func(tx *bbolt.Tx) error {
			// bbolt does not notice a file that lost its end; touching the
			// mapping there would be a fault.
			if tx.Size() > info.Size() {
				return fmt.Errorf("%w: %d bytes of %d are left", errDamaged, info.Size(), tx.Size())
			}
			return look(tx)
		})
	}))
}

// known refuses what this code cannot read.
func known(tx *bbolt.Tx, want kind) error {
	m := tx.Bucket(meta)
	if m == nil {
		if k, _ := tx.Cursor().First(); k == nil {
			return nil // no bucket at all: new
		}
		return errForeign
	}
	if string(m.Get(keyFormat)) != want.format {
		return errForeign
	}
	if got := string(m.Get(keySchema)); got != want.schema && (want.before == "" || got != want.before) {
		return &schemaError{got: got, want: want.schema}
	}
	return nil
}

// readable touches every leaf, so that a damaged file is refused at the start
// and not in the middle of a deployment.
func readable(tx *bbolt.Tx) error {
	return tx.ForEach(func(_ []byte, b *bbolt.Bucket) error {
		return b.ForEach(func(_, _ []byte) error { return nil })
	})
}

// prepare completes a new file. It looks again, since inspect's lock is gone.
func prepare(tx *bbolt.Tx, want kind) error {
	if err := known(tx, want); err != nil {
		return err
	}
	for _, name := range append([][]byte{meta}, want.buckets...) {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	m := tx.Bucket(meta)
	if err := m.Put(keyFormat, []byte(want.format)); err != nil {
		return err
	}
	return m.Put(keySchema, []byte(want.schema))
}

// openFile is bbolt.Open with errors for people, and with the file closed
// when bbolt panics over it.
func openFile(path string, o *bbolt.Options) (db *bbolt.DB, err error) {
	var file *os.File
	o.OpenFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		var err error
		file, err = os.OpenFile(name, flag, mode)
		return file, err
	}
	err = guard(func() error {
		var err error
		db, err = bbolt.Open(path, 0o600, o)
		return err
	})
	if errors.Is(err, berrors.ErrTimeout) {
		return nil, rouse.Errorf(rouse.Unavailable, "another rouse holds %s%s; stop it, or use another data directory", path, holder(path))
	}
	if errors.Is(err, errDamaged) && file != nil {
		file.Close() //nolint:errcheck // it may be closed already
	}
	if err != nil {
		return nil, explain(path, err)
	}
	return db, nil
}
