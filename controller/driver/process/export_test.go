package process

import (
	"errors"

	"github.com/rousehq/rouse/controller/driver/internal/cgroup"
)

// WithoutGroups has the driver run as on hosts where control groups cannot be made.
func WithoutGroups(d *Driver) {
	d.makeGroup = func(string, string, cgroup.Limits) (cgroup.Group, error) {
		return cgroup.Group{}, errors.New("read-only file system")
	}
}
