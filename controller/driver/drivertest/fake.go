package drivertest

import (
	"context"
	"fmt"
	"sync"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// Fake is a driver whose sandboxes are memory. Nothing in it makes a system
// call, so it works inside a testing/synctest bubble; make it there. The hooks
// are set before the first use. They may block, which delays the step, and
// their error fails it.
type Fake struct {
	OnCheck   func(ctx context.Context, spec rouse.Spec) (rouse.Spec, error)
	OnMake    func(ctx context.Context, c driver.Class) error
	OnAssign  func(ctx context.Context, rev rouse.Revision) error
	OnRestart func(ctx context.Context, id rouse.SandboxID) error
	OnStop    func(ctx context.Context, id rouse.SandboxID) error
	OnFreeze  func(ctx context.Context, id rouse.SandboxID) error
	OnThaw    func(ctx context.Context, id rouse.SandboxID) error
	// Program is the function's process; Sleep when nil.
	Program Program

	mu        sync.Mutex
	sandboxes []*FakeSandbox // in the order they were made, gone ones too
	left      []*FakeSandbox // for List
	live      int
	most      int
}

var (
	_ driver.Driver  = (*Fake)(nil)
	_ driver.Refuser = (*Fake)(nil)
)

// Name is "fake".
func (f *Fake) Name() string { return "fake" }

// Refuse refuses nothing.
func (f *Fake) Refuse(rouse.Spec) error { return nil }

// Check runs OnCheck. Without one it accepts everything.
func (f *Fake) Check(ctx context.Context, spec rouse.Spec, _ func(string)) (rouse.Spec, error) {
	if f.OnCheck != nil {
		return f.OnCheck(ctx, spec)
	}
	return spec, nil
}

// Make runs OnMake, then makes a sandbox.
func (f *Fake) Make(ctx context.Context, c driver.Class) (driver.Sandbox, error) {
	if f.OnMake != nil {
		if err := f.OnMake(ctx, c); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return f.add(c), nil
}

// Leave adds a sandbox that List finds, as if an earlier host process had left
// it running rev. kept is what its Endpoint brings along.
func (f *Fake) Leave(rev rouse.Revision, kept *rouse.Kept) *FakeSandbox {
	s := f.add(driver.Plain(rev))
	s.place(rev, kept)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = append(f.left, s)
	return s
}

// List returns what Leave added.
func (f *Fake) List(context.Context) ([]driver.Sandbox, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]driver.Sandbox, len(f.left))
	for i, s := range f.left {
		list[i] = s
	}
	return list, nil
}

// Close does nothing: sandboxes are not the driver's concern.
func (f *Fake) Close() error { return nil }

// Sandboxes lists every sandbox in the order they were made, gone ones too.
func (f *Fake) Sandboxes() []*FakeSandbox {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*FakeSandbox(nil), f.sandboxes...)
}

// Sandbox finds a sandbox, or nil.
func (f *Fake) Sandbox(id rouse.SandboxID) *FakeSandbox {
	for _, s := range f.Sandboxes() {
		if s.id == id {
			return s
		}
	}
	return nil
}

// Live counts the sandboxes that are there now.
func (f *Fake) Live() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.live
}

// Most is the largest number of sandboxes there were at once.
func (f *Fake) Most() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.most
}

// Made counts the sandboxes ever made.
func (f *Fake) Made() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sandboxes)
}

func (f *Fake) add(c driver.Class) *FakeSandbox {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := newSandbox(f, rouse.SandboxID(fmt.Sprintf("fake-%d", len(f.sandboxes)+1)), c)
	f.sandboxes = append(f.sandboxes, s)
	f.live++
	f.most = max(f.most, f.live)
	return s
}

func (f *Fake) ended() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live--
}
