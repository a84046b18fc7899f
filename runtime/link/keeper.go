package link

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/runtime/wire"
)

// keptPrefix begins the names of kept connections, the slot's number ends them.
const keptPrefix = "conn:"

func keptName(slot int) string { return keptPrefix + strconv.Itoa(slot) }

// keptSlot reads a name that an agent sent.
func keptSlot(name string) (slot int, ok bool) {
	number, ok := strings.CutPrefix(name, keptPrefix)
	if !ok {
		return 0, false
	}
	slot, err := strconv.Atoi(number)
	return slot, err == nil && slot >= 0 && slot < wire.MaxHeld && keptName(slot) == name
}

// keeper is the Endpoint's Keeper: the agent holds what a successor of ours is to have.
type keeper struct{ link *Link }

var _ rouse.Keeper = keeper{}

// Keep implements rouse.Keeper. It does not wait for the agent.
func (k keeper) Keep(conn net.Conn) (int, error) {
	if relayed, ok := conn.(streamConn); ok {
		return k.keepRelayed(relayed)
	}
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("a %T has no descriptor to keep", conn)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return -1, err
	}
	slot, err := k.link.takeSlot()
	if err != nil {
		return -1, err
	}
	ctlErr := raw.Control(func(fd uintptr) {
		err = k.link.tell(wire.Message{Kind: wire.KindHold, Name: keptName(slot)}, int(fd))
	})
	if err = errors.Join(ctlErr, err); err != nil {
		k.link.freeSlot(slot)
		return -1, err
	}
	return slot, nil
}

// Drop implements rouse.Keeper.
func (k keeper) Drop(slot int) {
	// The number is free only after the agent has heard, or the next Keep could be dropped.
	_ = k.link.tell(wire.Message{Kind: wire.KindDrop, Name: keptName(slot)})
	k.link.freeSlot(slot)
}

// Idle implements rouse.Keeper.
func (k keeper) Idle(slot int) { k.link.state.store(uint32(slot) + 1) }

// Busy implements rouse.Keeper.
func (k keeper) Busy() { k.link.state.store(0) }

func (l *Link) takeSlot() (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for slot := range wire.MaxHeld {
		if !l.slots[slot] {
			l.slots[slot] = true
			return slot, nil
		}
	}
	return -1, fmt.Errorf("%d connections are kept already", wire.MaxHeld)
}

func (l *Link) freeSlot(slot int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.slots, slot)
}
