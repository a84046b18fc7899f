package wire

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// Version is the protocol's; both ends must speak the same.
const Version = 1

// Bounds of what one end accepts from the other.
const (
	MaxSize  = 64 << 10 // bytes in a message
	MaxFiles = 6        // descriptors beside a message
	MaxHeld  = 64       // descriptors that an agent holds for its host
	// Own are the listeners and pipes, which have names beside those of MaxHeld.
	Own = 5
	// MaxExtensions is AWS Lambda's limit, of external and internal ones together.
	MaxExtensions = 10

	maxExtension = 256

	maxName  = 32
	maxToken = 128
	maxID    = 128
	maxError = 4 << 10
)

// The environment that tells an agent where it belongs. It clears it.
const (
	EnvDir       = "ROUSE_AGENT_DIR"       // the folder that holds SocketName
	EnvID        = "ROUSE_AGENT_ID"        // of the sandbox
	EnvToken     = "ROUSE_AGENT_TOKEN"     // proves the first hello
	EnvReconnect = "ROUSE_AGENT_RECONNECT" // how long to wait for a lost host, as "60s"
	EnvRelay     = "ROUSE_AGENT_RELAY"     // instead of the folder: the host's HOST:PORT, over TCP
)

// ZygoteControl is the descriptor on which a zygote finds its agent. What the
// two say to each other is told in runtime/bootstrap/zygote/zygote.py.
const ZygoteControl = 6

// SocketName is the host's socket in a sandbox's folder.
const SocketName = "agent.sock"

// Kind says what a message is.
type Kind string

// The kinds; the package's comment says who sends which.
const (
	KindHello   Kind = "hello"
	KindWelcome Kind = "welcome"
	KindReply   Kind = "reply"
	KindExit    Kind = "exit"
	KindListen  Kind = "listen"
	KindFree    Kind = "free" // find a port that nobody listens on
	KindDial    Kind = "dial"
	KindZygote  Kind = "zygote" // start an interpreter that start can fork
	KindStart   Kind = "start"
	KindPlace   Kind = "place" // where runs put themselves before they become the program
	KindRestart Kind = "restart"
	KindProceed Kind = "proceed" // the extensions are ready for the main process
	KindEnd     Kind = "end"     // signal the main process alone, and wait for its end
	KindAwait   Kind = "await"   // wait for the extensions' end
	KindSignal  Kind = "signal"
	KindKill    Kind = "kill"
	KindFreeze  Kind = "freeze"
	KindThaw    Kind = "thaw"
	KindHold    Kind = "hold"
	KindDrop    Kind = "drop"
	KindTake    Kind = "take"
	KindStop    Kind = "stop"

	// Over TCP alone, before hello.
	KindGreet     Kind = "greet"
	KindChallenge Kind = "challenge"
	KindProof     Kind = "proof"
)

// The names of what an agent holds from start and listen on. Other names are
// the host's choice.
const (
	HeldListener = "listener"
	HeldPlatform = "platform" // a second listener, for Rouse's own API
	HeldStdout   = "stdout"   // the read end
	HeldStderr   = "stderr"
	// HeldExtensions is what extensions print, where there are any.
	HeldExtensions = "extensions"
)

// Message is one packet. Which fields have a meaning depends on its kind.
type Message struct {
	Version int      `json:"v"`
	Kind    Kind     `json:"kind"`
	Seq     uint64   `json:"seq,omitempty"`    // of a request, and of its reply
	ID      string   `json:"id,omitempty"`     // hello
	Token   string   `json:"token,omitempty"`  // hello, welcome
	Run     int      `json:"run,omitempty"`    // hello: the latest; restart: the next
	Exit    *Exit    `json:"exit,omitempty"`   // exit; hello, when the latest run has ended
	Held    []string `json:"held,omitempty"`   // hello
	Port    int      `json:"port,omitempty"`   // listen (0: any free one), dial, reply
	Start   *Start   `json:"start,omitempty"`  // zygote, start
	Signal  int      `json:"signal,omitempty"` // signal, end
	Name    string   `json:"name,omitempty"`   // hold, drop, take; listen: instead of HeldListener
	Error   string   `json:"error,omitempty"`  // reply: why it failed
	Errno   int      `json:"errno,omitempty"`  // reply: the system's number for it, if it has one

	// Over TCP alone.
	Streams []uint32 `json:"streams,omitempty"` // what stands for the descriptors beside the message
	Nonce   string   `json:"nonce,omitempty"`   // greet, challenge
	Proof   string   `json:"proof,omitempty"`   // challenge, proof
	Again   bool     `json:"again,omitempty"`   // greet: the agent was welcomed before
}

// Start is a command and the rights that it runs with. Descriptors come with it:
// what the process gets as stdout and stderr and, if there are extensions, what
// these get as both; then the read ends of the same pipes, to be held.
type Start struct {
	Argv   []string `json:"argv"`
	Env    []string `json:"env,omitempty"`
	Dir    string   `json:"dir,omitempty"`
	Enter  bool     `json:"enter,omitempty"` // the root that was mounted over the agent's own; argv and dir are found there
	UID    int      `json:"uid"`
	GID    int      `json:"gid"`
	Groups []int    `json:"groups,omitempty"`
	Caps   bool     `json:"caps,omitempty"` // uid 0 keeps the agent's capabilities
	Limits []Limit  `json:"limits,omitempty"`
	// Extensions are programs that run beside the process. It begins when the
	// host says proceed.
	Extensions []string `json:"extensions,omitempty"`
	Fork       bool     `json:"fork,omitempty"` // begin as a fork of the zygote, whose rights the process has
}

// Outputs is how many pipes come with s.
func (s *Start) Outputs() int {
	if len(s.Extensions) > 0 {
		return 3
	}
	return 2
}

// Limit is one resource limit, as setrlimit takes it.
type Limit struct {
	Resource int    `json:"resource"`
	Soft     uint64 `json:"soft"`
	Hard     uint64 `json:"hard"`
}

// Exit is how a run ended.
type Exit struct {
	Run    int `json:"run"`
	Code   int `json:"code"`             // -1 when a signal ended it
	Signal int `json:"signal,omitempty"` // its number
	// Extension is set when it was the end of this extension, and so of the run.
	Extension string `json:"extension,omitempty"`
	Error     string `json:"error,omitempty"` // why the command could not be run at all
}

// Encode writes m as one packet. It fails when the packet would be too long or
// would be refused by Decode.
func Encode(m Message) ([]byte, error) {
	m.Version = Version
	m.Error = fitting(m.Error, maxError)
	if m.Exit != nil {
		exit := *m.Exit
		exit.Error, exit.Extension = fitting(exit.Error, maxError), fitting(exit.Extension, maxExtension)
		m.Exit = &exit
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	b, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	if len(b) > MaxSize {
		return nil, errors.New("a " + string(m.Kind) + " message of " + strconv.Itoa(len(b)) +
			" bytes: the limit is " + strconv.Itoa(MaxSize))
	}
	return b, nil
}

// fitting is what of s the other end takes: JSON would make three bytes of each that
// is not UTF-8.
func fitting(s string, most int) string {
	return strings.ToValidUTF8(s[:min(len(s), most)], "?")
}

// Decode reads one packet and checks its version and its bounds.
func Decode(b []byte) (Message, error) {
	if len(b) > MaxSize {
		return Message{}, errTruncated
	}
	// The version is looked at first: another protocol may differ in all the rest.
	var head struct {
		Version int `json:"v"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return Message{}, errors.New("not a message: " + err.Error())
	}
	if head.Version != Version {
		return Message{}, errors.New("protocol version " + strconv.Itoa(head.Version) +
			": this side speaks " + strconv.Itoa(Version))
	}
	var m Message
	if err := json.Unmarshal(b, &m); err != nil {
		return Message{}, errors.New("not a message: " + err.Error())
	}
	return m, m.check()
}
