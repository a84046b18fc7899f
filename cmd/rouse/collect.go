package main

import (
	"time"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// collectEvery is how often code is removed that nothing refers to any more.
const collectEvery = time.Hour

// collect removes code that no revision and no instance refers to, until the
// platform's life ends.
func (p *platform) collect() {
	again := time.NewTicker(collectEvery)
	defer again.Stop()
	for {
		removed, err := p.artifacts.Collect(p.life, p.inUse())
		if err != nil && p.life.Err() == nil {
			p.log.Warn("removing unused code", "error", err)
		}
		if len(removed) > 0 {
			p.log.Info("removed unused code", "artifacts", len(removed))
		}
		p.collectPackages()
		p.collectFiles()
		select {
		case <-again.C:
		case <-p.life.Done():
			return
		}
	}
}

// collectPackages removes uploaded archives that no function refers to.
func (p *platform) collectPackages() {
	used := make(map[string]bool)
	for _, fn := range p.catalog.Functions() {
		if fn.Lambda != nil && fn.Lambda.Latest.Package != nil {
			used[fn.Lambda.Latest.Package.Digest] = true
		}
		for _, v := range fn.Versions {
			if v.Lambda != nil && v.Lambda.Package != nil {
				used[v.Lambda.Package.Digest] = true
			}
		}
	}
	for l, err := range p.store.AllLayers(p.life) {
		if err != nil {
			return // what is used is not known
		}
		for _, v := range l.Versions {
			used[v.Package.Digest] = true
		}
	}
	removed, err := p.artifacts.CollectPackages(p.life, func(digest string) bool { return used[digest] })
	if err != nil && p.life.Err() == nil {
		p.log.Warn("removing unused packages", "error", err)
	}
	if removed > 0 {
		p.log.Info("removed unused packages", "packages", removed)
	}
}

// collectFiles has the driver remove what it keeps for revisions that are gone.
func (p *platform) collectFiles() {
	keeper, ok := p.driver.(driver.Collector)
	if !ok {
		return
	}
	var specs []rouse.Spec
	for rev := range p.catalog.Revisions() {
		if !rev.Preparing.Failed() { // whose image need not even have a name
			specs = append(specs, rev.Spec)
		}
	}
	removed, err := keeper.Collect(p.life, specs)
	if err != nil && p.life.Err() == nil {
		p.log.Warn("removing unused images", "error", err)
	}
	if removed > 0 {
		p.log.Info("removed unused images", "files", removed)
	}
}

// inUse says of code whether something refers to it.
func (p *platform) inUse() func(digest string) bool {
	used := make(map[string]bool)
	use := func(spec *rouse.Spec) {
		used[spec.Artifact.Code] = true
		for _, layer := range spec.Layers {
			used[layer] = true
		}
	}
	for rev := range p.catalog.Revisions() {
		use(&rev.Spec)
	}
	for l, err := range p.store.AllLayers(p.life) {
		if err != nil {
			return func(string) bool { return true } // what is used is not known
		}
		for _, v := range l.Versions {
			used[v.Package.Code] = true
		}
	}
	for _, i := range p.pool.Instances() {
		if rev, err := p.catalog.Revision(i.Revision); err == nil {
			use(&rev.Spec)
		}
	}
	return func(digest string) bool { return used[digest] }
}
