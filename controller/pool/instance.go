package pool

import (
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// instance is one instance of a revision. All fields but the last group are
// guarded by the revision's mutex.
type instance struct {
	id          rouse.InstanceID // its sandbox's; empty until that is made
	state       rouse.State
	provisioned bool
	born        bool // was started as a provisioned one
	adopted     bool
	broken      bool // its process is not to be given another request
	again       bool // lent although its init failed: the event runs that again
	unfit       bool // its processes could not be continued once, and are not stopped again
	lost        bool // its sandbox is gone, so there is nothing to restart in
	stopping    bool // its sandbox is being removed
	run         int  // counts the starts of its process
	inUse       int
	settling    time.Time // when its answer went out, while its slot is not back yet
	served      uint64
	sliced      bool      // its memory is the ledger's slice's
	created     time.Time // when its start was begun
	ready       time.Time // when it last became ready
	idleSince   time.Time
	timings     []rouse.Timing // of its last start
	tier        rouse.Tier     // what its sandbox began as; empty until that is known
	place       int            // index in the free list it stands in, or -1
	frost       *frost         // of its processes, while it is idle; nil when they run

	// Written once by the start, before the instance is announced as ready, and
	// read only afterwards.
	sandbox  driver.Sandbox
	endpoint rouse.Endpoint
	target   rouse.Target
}

func (i *instance) idle() bool { return i.state == rouse.Ready && i.inUse == 0 }

// stack is a set of instances with room, the most recently used on top.
type stack []*instance

func (s *stack) push(i *instance) {
	i.place = len(*s)
	*s = append(*s, i)
}

func (s *stack) remove(i *instance) {
	if i.place < 0 {
		return
	}
	at := *s
	copy(at[i.place:], at[i.place+1:])
	for n := i.place; n < len(at)-1; n++ {
		at[n].place = n
	}
	at[len(at)-1] = nil
	*s = at[:len(at)-1]
	i.place = -1
}

func (s stack) top() *instance {
	if len(s) == 0 {
		return nil
	}
	return s[len(s)-1]
}
