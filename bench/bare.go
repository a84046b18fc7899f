package main

import (
	"errors"
	"path/filepath"
	"sync"

	"go.etcd.io/bbolt"
)

// bareLoop makes values durable for many writers in the plainest way there is: one
// loop commits whatever has queued, in a file with the options of Rouse's own.
type bareLoop struct {
	db     *bbolt.DB
	queued chan *bareWrite
	done   sync.WaitGroup
}

type bareWrite struct {
	key, value []byte
	end        chan error
}

var bareBucket = []byte("bare")

// startBare makes a file in dir and runs the loop until end is called.
func startBare(dir string) (l *bareLoop, end func() error, err error) {
	db, err := bbolt.Open(filepath.Join(dir, "bare.db"), 0o600, &bbolt.Options{
		FreelistType: bbolt.FreelistMapType, NoFreelistSync: true, PageSize: 16 << 10,
	})
	if err != nil {
		return nil, nil, err
	}
	if err := db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket(bareBucket); return err }); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	l = &bareLoop{db: db, queued: make(chan *bareWrite, writers)}
	l.done.Go(l.run)
	return l, func() error {
		close(l.queued)
		l.done.Wait()
		return db.Close()
	}, nil
}

// put blocks until the value is on disk.
func (l *bareLoop) put(key, value []byte) error {
	w := &bareWrite{key, value, make(chan error, 1)}
	l.queued <- w
	return <-w.end
}

func (l *bareLoop) run() {
	for first := range l.queued {
		batch := []*bareWrite{first}
		for more := true; more; {
			select {
			case w, open := <-l.queued:
				if more = open; open {
					batch = append(batch, w)
				}
			default:
				more = false
			}
		}
		err := l.db.Update(func(tx *bbolt.Tx) error {
			b := tx.Bucket(bareBucket)
			for _, w := range batch {
				if err := b.Put(w.key, w.value); err != nil {
					return err
				}
			}
			return nil
		})
		for _, w := range batch {
			w.end <- err
		}
	}
}
