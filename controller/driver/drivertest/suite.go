package drivertest

import (
	"testing"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/controller/driver"
)

// Suite is a driver under test, and what of the contract it cannot hold here.
type Suite struct {
	// Open makes the driver over w.Dir. After Crash it is called again with the
	// same World, as a restarted Rouse would.
	Open func(t *testing.T, w World) Host
	// Spec is what runs the function: w.Code with a runtime, or an image that
	// has it.
	Spec func(w World) rouse.Spec
	// Destroy ends a sandbox from outside, as a person or the kernel would.
	Destroy func(t *testing.T, id rouse.SandboxID)
	// Left says what there still is of sandboxes that were stopped. made are
	// those that got as far as running.
	Left func(t *testing.T, made []rouse.SandboxID) []string

	Cwd      string   // where the function starts; "" is not checked
	User     string   // "uid:gid" that the function has; "" is not checked
	Scratch  string   // a folder beside /tmp that can be written and has its size; "" when there is none
	ReadOnly []string // files that the function must not be able to make

	NoReadOnly bool // the function runs as the owner of its code
	NoTmp      bool // the size of /tmp is not enforced
	NoNetwork  bool // network none is not enforced
	NoPids     bool // the number of processes is not enforced
}

// World is what the suite gives a driver to work with.
type World struct {
	Dir       string // the data directory, which every user may enter
	Program   string // the function, a static program
	Code      string // the digest of a folder that has the program as "fn"
	Planner   driver.Planner
	Artifacts driver.Artifacts
	Sockets   driver.Sockets // how sockets get across; "" is the driver's choice
}

// Host is a driver with the host process around it.
type Host struct {
	Driver driver.Driver
	// Crash ends what belongs to the host process and leaves sandboxes alone.
	// It is called for every Host, after the sandboxes have been stopped too.
	Crash func()
}

// tests are all that a driver promises.
var tests = []struct {
	name   string
	run    func(*testing.T, *bench)
	across bool // it is about what crosses the sandbox's wall
}{
	{"AnEventIsAnsweredOverTheRuntimeAPI", lambda, true},
	{"ARequestIsAnsweredOverTheDialedPort", dialed, true},
	{"MuchGoesBothWaysAndNobodyHoldsUpOthers", streams, true},
	{"ThePortRefusesUntilSomethingListens", refuses, true},
	{"TheProcessGetsItsCommandAndEnvironment", command, false},
	{"TheProcessHasNoPrivileges", unprivileged, false},
	{"CallsThatNoFunctionNeedsAreRefused", refusedCalls, false},
	{"TheProcessInheritsNothingOfTheAgent", inheritsNothing, true},
	{"OutputArrives", output, true},
	{"ExitsSayCodeOrSignal", exits, true},
	{"AProgramThatDoesNotExistIsReported", missingProgram, true},
	{"ARestartKeepsTheSandbox", restart, true},
	{"KillEndsEveryDescendant", kill, true},
	{"FreezeStopsAndThawContinues", freeze, true},
	{"MemoryIsLimited", memory, false},
	{"ProcessesAreLimited", processes, false},
	{"CodeIsReadOnly", readOnly, false},
	{"TmpHasASize", tmpSize, false},
	{"NetworkNoneReachesNothing", networkNone, false},
	{"StopLetsTheProcessSayGoodbye", goodbye, true},
	{"StopEndsAProcessThatIgnoresIt", stubborn, false},
	{"StopIsIdempotent", stopTwice, true},
	{"ASandboxThatIsDestroyedIsNoticed", destroyed, true},
	{"ASandboxIsAssignedOnce", once, false},
	{"AMakeThatIsGivenUpLeavesNothing", givenUp, false},
	{"SandboxesRunSideBySide", sideBySide, true},
	{"ManyStartsLeakNothing", leaks, true},
	{"ALeftSandboxIsAdoptedWithItsProcess", adopted, true},
	{"ALeftSandboxCanBeStopped", leftStopped, true},
	{"ALeftSandboxThatDiedIsGone", leftDied, true},
	{"CheckRefusesWhatCannotRun", check, false},
}

// Run checks everything that a driver promises.
func Run(t *testing.T, s Suite) { run(t, s, "", false) }

// RunAcross checks what of it crosses a sandbox's wall, with sockets that get
// across in the given way.
func RunAcross(t *testing.T, s Suite, way driver.Sockets) { run(t, s, way, true) }

func run(t *testing.T, s Suite, way driver.Sockets, acrossOnly bool) {
	w := NewWorld(t)
	w.Sockets = way
	for _, test := range tests {
		if acrossOnly && !test.across {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			b := open(t, s, w)
			test.run(t, b)
			b.close()
		})
	}
}
