package bolt

import (
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/store/storetest"
)

func TestAFileOfTheSchemaBeforeIsConverted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rouse.db")
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), storetest.Function("f")); err != nil {
		t.Fatal(err)
	}
	err = s.db.Update(func(tx *bbolt.Tx) error {
		if err := tx.DeleteBucket(layers); err != nil {
			return err
		}
		return tx.Bucket(meta).Put(keySchema, []byte("1"))
	})
	if err != nil || s.Close() != nil {
		t.Fatal(err)
	}
	if s, err = Open(path, Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Get(t.Context(), "f"); err != nil {
		t.Error(err)
	}
	if _, err := s.PutLayer(t.Context(), rouse.Layer{Name: "l"}); err != nil {
		t.Error(err)
	}
}
