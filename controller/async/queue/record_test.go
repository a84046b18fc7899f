package queue

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func FuzzReadRecord(f *testing.F) {
	f.Add(newRecord(&Message{Body: []byte("body"), Group: "g", Dedup: "d", Attributes: []byte("{}")}, nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, _, err := readRecord(b)
		if err == nil && len(m.Body)+len(m.Group)+len(m.Dedup)+len(m.Attributes) > len(b) {
			t.Errorf("more was read than there is: %+v", m)
		}
		readState(b)
	})
}

func TestARecordIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &Message{
			Body: rapid.SliceOf(rapid.Byte()).Draw(t, "body"), Attributes: rapid.SliceOf(rapid.Byte()).Draw(t, "attributes"),
			Group: rapid.String().Draw(t, "group"), Dedup: rapid.String().Draw(t, "dedup"), Origin: rapid.String().Draw(t, "origin"),
		}
		got, _, err := readRecord(newRecord(m, nil))
		if err != nil || !bytes.Equal(got.Body, m.Body) || !bytes.Equal(got.Attributes, m.Attributes) ||
			got.Group != m.Group || got.Dedup != m.Dedup || got.Origin != m.Origin {
			t.Fatalf("%+v became %+v, %v", m, got, err)
		}
	})
}

func TestAStateIsReadAsItWasWrittenAndAsBefore(t *testing.T) {
	s := state{receives: 3, first: 1, where: leased, at: 2, last: 4}
	if got := readState(s.encode()); got != s {
		t.Errorf("%+v became %+v", s, got)
	}
	old := s
	old.last = 0
	if got := readState(s.encode()[:oldStateSize]); got != old {
		t.Errorf("from an earlier version %+v, want %+v", got, old)
	}
	if got := readState([]byte{1, 2, 3}); got != (state{}) {
		t.Errorf("from garbage %+v", got)
	}
}
