package rouse

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Function is a name with settings that can change, aliases and versions.
type Function struct {
	Name   FunctionName `json:"name"`
	Latest RevisionID   `json:"latest"` // what $LATEST means
	// Next stands in for what $LATEST becomes when its image is here, or could not
	// become; "" when nothing is on its way.
	Next     RevisionID          `json:"next,omitempty"`
	Versions []Version           `json:"versions,omitempty"`
	Aliases  map[Qualifier]Alias `json:"aliases,omitempty"`
	Settings Settings            `json:"settings"`
	// Provisioned are instances that are always ready for a version or an alias;
	// what Settings provision is for $LATEST.
	Provisioned map[Qualifier]Provisioning `json:"provisioned,omitempty"`
	// Published is the highest number that a version has had.
	Published int             `json:"published,omitempty"`
	Lambda    *LambdaFunction `json:"lambda,omitempty"`
	Created   time.Time       `json:"created"`
	Updated   time.Time       `json:"updated"`
	// Generation counts the writes; a write against another generation is a conflict.
	Generation uint64 `json:"generation"`
}

// Version is a revision with a number. Numbers are never used again.
type Version struct {
	Number      int        `json:"number"`
	Revision    RevisionID `json:"revision"`
	Description string     `json:"description,omitempty"`
	Created     time.Time  `json:"created"`
	// Of is what $LATEST was; Revision is the same but for its Spec's Version.
	Of RevisionID `json:"of,omitempty"`
	// Lambda is what $LATEST had when it was published; nil for a function without.
	Lambda *LambdaVersion `json:"lambda,omitempty"`
}

// Alias points at one version, or at two with a share of the traffic for the second.
type Alias struct {
	Version     int     `json:"version"` // 0 is $LATEST, which AWS Lambda's API allows
	Second      int     `json:"second,omitempty"`
	Weight      float64 `json:"weight,omitempty"` // of Second, 0 to 1
	Description string  `json:"description,omitempty"`
	RevisionID  string  `json:"revision_id,omitempty"` // of AWS Lambda's API
}

// Settings can change without making a revision.
type Settings struct {
	Idle         Duration `json:"idle"`          // keep an unused instance this long
	Concurrency  int      `json:"concurrency"`   // requests at once per instance; 1 for the lambda contract
	MaxInstances int      `json:"max_instances"` // per revision; 0 is no limit of its own
	Provisioned  int      `json:"provisioned"`   // instances always ready
	// Reserved is the most requests in flight over all revisions; nil is no limit, 0 refuses all.
	Reserved   *int     `json:"reserved,omitempty"`
	Queue      int      `json:"queue"`       // requests that may wait; 0 refuses at once
	QueueBytes Bytes    `json:"queue_bytes"` // bytes that waiting requests may hold
	Hold       Duration `json:"hold"`        // the longest wait for an instance
	// Freeze stops an instance's processes between requests (lambda contract).
	Freeze bool `json:"freeze"`
	// Webhook is a URL that is told of the end of each of the function's jobs.
	Webhook string `json:"webhook,omitempty"`
}

// DefaultSettings are what a function has that sets nothing.
func DefaultSettings() Settings {
	return Settings{
		Idle:        Duration(5 * time.Minute),
		Concurrency: 1,
		Queue:       100,
		QueueBytes:  64 * MB,
		Hold:        Duration(60 * time.Second),
	}
}

// DefaultSpec is what a revision has that sets nothing.
func DefaultSpec() Spec {
	return Spec{
		Contract: ContractLambda,
		Memory:   512 * MB,
		Timeout:  Duration(30 * time.Second),
		Tmp:      512 * MB,
		Network:  NetworkNone,
	}
}

// Revision finds what q means. pick is in [0,1) and chooses between the two
// versions of a weighted alias. ok is false when q names nothing. A revision's
// id is not looked up here, since the function lists only what it points at.
func (f *Function) Revision(q Qualifier, pick float64) (id RevisionID, ok bool) {
	number, ok := f.Number(q, pick)
	if !ok {
		return "", false
	}
	if number == 0 {
		return f.Latest, f.Latest != ""
	}
	v := f.Version(number)
	if v == nil {
		return "", false
	}
	return v.Revision, true
}

// Number is the version that q means, 0 for $LATEST, chosen as Revision does.
// ok is false when q is no alias and no number.
func (f *Function) Number(q Qualifier, pick float64) (number int, ok bool) {
	if q == "" || q == Latest {
		return 0, true
	}
	if a, isAlias := f.Aliases[q]; isAlias {
		if a.Second != 0 && pick < a.Weight {
			return a.Second, true
		}
		return a.Version, true
	}
	n, err := strconv.Atoi(string(q))
	return n, err == nil && n > 0
}

// Version finds a published version; nil when there is none.
func (f *Function) Version(number int) *Version {
	i, found := slices.BinarySearchFunc(f.Versions, number, func(v Version, n int) int { return v.Number - n })
	if !found {
		return nil
	}
	return &f.Versions[i]
}

// Publish gives $LATEST a number and returns the version. As on AWS, publishing
// what the newest version already is changes nothing and returns that one.
func (f *Function) Publish(description string, now time.Time) Version {
	if n := len(f.Versions); n > 0 {
		newest := f.Versions[n-1]
		f.Published = max(f.Published, newest.Number)
		if newest.Number == f.Published && f.unchanged(newest) {
			return newest
		}
	}
	f.Published++
	v := Version{Number: f.Published, Revision: f.Latest, Of: f.Latest, Description: description, Created: now}
	if f.Lambda != nil {
		as := f.Lambda.Latest
		v.Lambda = &as
	}
	f.Versions = append(f.Versions, v)
	return v
}

// unchanged says whether v is what $LATEST is.
func (f *Function) unchanged(v Version) bool {
	if v.Of != f.Latest {
		return false
	}
	return f.Lambda == nil || v.Lambda != nil && v.Lambda.Serial == f.Lambda.Latest.Serial
}

// Revisions lists every revision that the function points at, each once.
func (f *Function) Revisions() []RevisionID {
	ids := []RevisionID{}
	if f.Latest != "" {
		ids = append(ids, f.Latest)
	}
	for _, v := range f.Versions {
		if !slices.Contains(ids, v.Revision) {
			ids = append(ids, v.Revision)
		}
	}
	return ids
}

// Validate says which setting is wrong and what is allowed.
func (s *Settings) Validate(contract Contract) error {
	switch {
	case s.Idle < 0:
		return Errorf(Invalid, "idle %s: must not be negative", s.Idle)
	case s.Concurrency < 1 || s.Concurrency > 1000:
		return Errorf(Invalid, "concurrency %d: must be 1 to 1000", s.Concurrency)
	case contract == ContractLambda && s.Concurrency != 1:
		return Errorf(Invalid, "concurrency %d: must be 1 for contract lambda; an instance answers one event at a time", s.Concurrency)
	case s.Freeze && contract != ContractLambda:
		return Errorf(Invalid, "freeze: only for contract lambda; when an http server has nothing to do, nobody but itself can know")
	case s.MaxInstances < 0 || s.MaxInstances > 10000:
		return Errorf(Invalid, "max_instances %d: must be 0 (no limit) to 10000", s.MaxInstances)
	case s.Provisioned < 0 || s.Provisioned > 1000:
		return Errorf(Invalid, "provisioned %d: must be 0 to 1000", s.Provisioned)
	case s.MaxInstances > 0 && s.Provisioned > s.MaxInstances:
		return Errorf(Invalid, "provisioned %d: must not exceed max_instances %d", s.Provisioned, s.MaxInstances)
	case s.Reserved != nil && *s.Reserved < 0:
		return Errorf(Invalid, "reserved %d: must not be negative", *s.Reserved)
	case s.Queue < 0 || s.Queue > 1_000_000:
		return Errorf(Invalid, "queue %d: must be 0 (refuse at once) to 1000000", s.Queue)
	case s.QueueBytes < 0:
		return Errorf(Invalid, "queue_bytes %s: must not be negative", s.QueueBytes)
	case s.Hold <= 0 || s.Hold.D() > time.Hour:
		return Errorf(Invalid, "hold %s: must be more than 0 and at most 1h", s.Hold)
	}
	return nil
}

// Validate says which field is wrong and what is allowed. It knows nothing of
// the host: whether a runtime or an image exists is the deployer's to check.
func (s *Spec) Validate() error {
	switch {
	case s.Contract != ContractLambda && s.Contract != ContractHTTP:
		return Errorf(Invalid, "contract %q: must be lambda or http", Clip(string(s.Contract)))
	case s.Network != NetworkNone && s.Network != NetworkEgress:
		return Errorf(Invalid, "network %q: must be none or egress", Clip(string(s.Network)))
	case s.Caps != CapsNone && s.Caps != CapsDefault:
		return Errorf(Invalid, "caps %q: must be default, or be left out", Clip(string(s.Caps)))
	case s.Caps == CapsDefault && s.Artifact.Image == "":
		return Errorf(Invalid, "caps default: only an image has an entry point that could use them; leave it out")
	case (s.Artifact.Image == "") == (s.Artifact.Code == ""):
		return Errorf(Invalid, "artifact: give either an image or code")
	case s.Artifact.Image != "" && s.Runtime != "":
		return Errorf(Invalid, "runtime %q: an image brings its own; leave it out", Clip(s.Runtime))
	case s.Artifact.Code != "" && s.Runtime == "":
		return Errorf(Invalid, "runtime: missing; code needs one")
	case s.Artifact.Image != "" && len(s.Layers) > 0:
		return Errorf(Invalid, "layers: an image brings its own files; only code has layers")
	case len(s.Layers) > maxLayers:
		return Errorf(Invalid, "layers: %d, must be at most %d", len(s.Layers), maxLayers)
	case s.Artifact.Image == "" && s.Image != nil:
		return Errorf(Invalid, "image_config: only an image has one; for code give a command")
	case s.Image != nil && s.Image.Directory != "" && !strings.HasPrefix(s.Image.Directory, "/"):
		return Errorf(Invalid, "image_config directory %q: must start with /", Clip(s.Image.Directory))
	case s.Memory < 16*MB:
		return Errorf(Invalid, "memory %s: must be at least 16MB%s", s.Memory, s.Memory.unitless())
	case s.Timeout <= 0 || s.Timeout.D() > 24*time.Hour:
		return Errorf(Invalid, "timeout %s: must be more than 0 and at most 24h", s.Timeout)
	case s.CPU < 0 || s.CPU > 1024:
		return Errorf(Invalid, "cpu %g: must be 0 (a share that follows memory) to the host's cores", s.CPU)
	case s.Tmp < 1*MB:
		return Errorf(Invalid, "tmp %s: must be at least 1MB%s", s.Tmp, s.Tmp.unitless())
	case s.Health != "" && s.Contract != ContractHTTP:
		return Errorf(Invalid, "health: only contract http has a health path")
	case s.Health != "" && !strings.HasPrefix(s.Health, "/"):
		return Errorf(Invalid, "health %q: must start with /", Clip(s.Health))
	}
	if err := s.validateZygote(); err != nil {
		return err
	}
	if s.LogGroup != "" && (s.Contract != ContractLambda || !logGroup.MatchString(s.LogGroup)) {
		return Errorf(Invalid, "log_group %q: only contract lambda has it, and it must be 1 to 512 of A-Z, a-z, 0-9 and ._-/#", Clip(s.LogGroup))
	}
	if s.Traced && s.Contract != ContractLambda {
		return Errorf(Invalid, "traced: only contract lambda has it")
	}
	if s.Logging != nil {
		if s.Contract != ContractLambda {
			return Errorf(Invalid, "logging: only contract lambda has it")
		}
		if err := s.Logging.Validate(); err != nil {
			return err
		}
	}
	return validateEnvironment(s.Environment)
}

// maxLayers is AWS Lambda's limit.
const maxLayers = 5

// maxEnvironment is AWS Lambda's limit on all variables together.
const maxEnvironment = 4 * KB

func validateEnvironment(env map[string]string) error {
	var size Bytes
	for k, v := range env {
		if k == "" || strings.ContainsAny(k, "=\x00") || strings.Contains(v, "\x00") {
			return Errorf(Invalid, "environment %q: names must not be empty or contain '=' or NUL", Clip(k))
		}
		size += Bytes(len(k) + len(v))
	}
	if size > maxEnvironment {
		return Errorf(Invalid, "environment: %d bytes, must be at most %s together", size, maxEnvironment)
	}
	return nil
}
