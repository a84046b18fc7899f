package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/rousehq/rouse"
	"github.com/rousehq/rouse/cmd/rouse/option"
	"github.com/rousehq/rouse/runtime/bootstrap"
)

// config is all that can be set of rouse serve. Its fields are the flags, the
// keys of the configuration file, the environment variables and the reference
// in docs/configuration.md.
type config struct {
	Data     string   `yaml:"data" doc:"folder for everything Rouse keeps (default /var/lib/rouse for root, else ~/.local/share/rouse)"`
	Listen   string   `yaml:"listen" doc:"address to listen on; port 0 picks a free one, which DATA/address then names"`
	Domain   []string `yaml:"domain" doc:"also reach functions at NAME.DOMAIN, beside NAME.localhost; may be given several times"`
	Insecure bool     `yaml:"insecure" doc:"listen beyond loopback although nobody is asked who they are"`
	Auth     string   `yaml:"auth" doc:"whether callers need a key: none asks nobody, keys wants one that rouse keys made" enum:"none,keys"`
	Public   bool     `yaml:"public" doc:"functions may be called at /fn and their hosts without a key, although auth is keys"`

	Region             string `yaml:"region" doc:"region in ARNs and for functions; clients of AWS may say any"`
	Account            string `yaml:"account" doc:"account in ARNs, 12 digits"`
	AccountConcurrency int    `yaml:"account_concurrency" doc:"events of lambda functions in flight at once; functions reserve theirs from it, and those without a reservation share the rest"`

	AWSFallback        string         `yaml:"aws_fallback" doc:"URL of another emulator, such as moto's server, that gets requests for the AWS services that Rouse does not have"`
	AWSFallbackTimeout rouse.Duration `yaml:"aws_fallback_timeout" doc:"how long that emulator may take until an answer begins"`

	Driver           string         `yaml:"driver" doc:"what makes sandboxes; auto takes docker when an engine answers" enum:"auto,docker,process"`
	Agent            string         `yaml:"agent" doc:"path of rouse-agent (default beside rouse, else in PATH)"`
	Sockets          string         `yaml:"sockets" doc:"how sockets get across a sandbox's wall: host opens them inside, agent has them passed, relay carries their bytes over TCP; auto takes the first that works" enum:"auto,host,agent,relay"`
	Relay            string         `yaml:"relay" doc:"HOST:PORT at which sandboxes of an engine elsewhere reach this machine; host-gateway is the engine's own word for it (default a bridge of their own)"`
	PlatformEndpoint bool           `yaml:"platform_endpoint" doc:"functions reach Rouse's own API from inside of their sandboxes, to call other functions and use its queues"`
	Reconnect        rouse.Duration `yaml:"reconnect" doc:"how long sandboxes outlive a Rouse that died, so that a restarted one takes them over"`

	MemoryBudget rouse.Bytes       `yaml:"memory_budget" doc:"memory of all instances together; 0 is four fifths of the host's"`
	MaxInstances int               `yaml:"max_instances_total" doc:"most instances on this host"`
	MaxStarts    int               `yaml:"max_starts" doc:"most starts at once; 0 is two for each core, at least 4"`
	RuntimeImage map[string]string `yaml:"runtime_image" doc:"base images to use instead of Rouse's own, by runtime (Docker)"`
	Cells        int               `yaml:"cells" doc:"most spare sandboxes, from which functions start in milliseconds; 0 makes each sandbox when it is needed"`

	MaxEvent     rouse.Bytes    `yaml:"max_event" doc:"largest event of a lambda function, encoded, at most 64MB"`
	MaxBody      rouse.Bytes    `yaml:"max_body" doc:"largest request body of an http function"`
	MaxResult    rouse.Bytes    `yaml:"max_result" doc:"largest answer of a job that is kept"`
	KeepJobs     rouse.Duration `yaml:"keep_jobs" doc:"how long a job that succeeded is kept, with its answer"`
	KeepDead     rouse.Duration `yaml:"keep_dead" doc:"how long a job that failed or expired is kept, to be looked at and redriven"`
	KeepSize     rouse.Bytes    `yaml:"keep_size" doc:"most bytes of jobs that have ended, with requests and answers; beyond it those go first that would go next"`
	WebhookAllow []string       `yaml:"webhook_allow" doc:"private networks that webhooks may reach, such as 10.0.0.0/8; may be given several times"`
	MaxCode      rouse.Bytes    `yaml:"max_code" doc:"largest code, unpacked, and largest upload"`
	SlowBody     rouse.Duration `yaml:"slow_body" doc:"longest time for a client to send an event's body"`
	DrainTimeout rouse.Duration `yaml:"drain_timeout" doc:"how long a stopping Rouse lets requests finish"`

	LogFormat string `yaml:"log_format" doc:"form of Rouse's own log, on standard error" enum:"text,json"`
	LogLevel  string `yaml:"log_level" doc:"least level of Rouse's own log" enum:"debug,info,warn,error"`
}

func defaultConfig() config {
	return config{
		Region: rouse.DefaultPlace.Region, Account: rouse.DefaultPlace.Account, AccountConcurrency: 1000,
		Listen: "127.0.0.1:8080", Auth: authNone, PlatformEndpoint: true, AWSFallbackTimeout: rouse.Duration(time.Minute), Driver: "auto", Sockets: "auto", Reconnect: rouse.Duration(time.Minute), MaxInstances: 1000, Cells: 2,
		MaxEvent: 6 * rouse.MB, MaxBody: 100 * rouse.MB, MaxCode: 250 * rouse.MB,
		MaxResult: 64 * rouse.MB, KeepJobs: rouse.Duration(24 * time.Hour), KeepDead: rouse.Duration(14 * 24 * time.Hour), KeepSize: 10 * rouse.GB,
		SlowBody: rouse.Duration(30 * time.Second), DrainTimeout: rouse.Duration(30 * time.Second),
		LogFormat: "text", LogLevel: "info",
	}
}

// configFlags are the flags of serve and of config.
type configFlags struct {
	file  string
	given config // what the flags say
}

func (f *configFlags) add(fs *pflag.FlagSet) {
	fs.SortFlags = false
	f.given = defaultConfig()
	option.Flags(fs, &f.given, &f.given)
	fs.StringVar(&f.file, "config", "", "YAML file with these settings; ROUSE_CONFIG names it too")
}

// origin is where a setting's value comes from.
type origin string

// load puts together what flags, environment, file and defaults say, in this
// order of rank, and tells by key where each value comes from.
func (f *configFlags) load(fs *pflag.FlagSet, getenv func(string) (string, bool)) (config, map[string]origin, error) {
	c := defaultConfig()
	fields, origins := option.Fields(&c), make(map[string]origin)
	file := f.file
	if env, ok := getenv("ROUSE_CONFIG"); file == "" && ok {
		file = env
	}
	if file != "" {
		keys, err := readConfig(file, &c)
		if err != nil {
			return c, nil, err
		}
		for _, key := range keys {
			origins[key] = origin(file)
		}
	}
	given := option.Fields(&f.given)
	for i, field := range fields {
		if text, ok := getenv(field.Env()); ok && text != "" {
			if err := field.SetAll(text); err != nil {
				return c, nil, fmt.Errorf("%s: %w", field.Env(), plain(err))
			}
			origins[field.Key] = origin(field.Env())
		}
		if fs.Changed(field.Flag()) {
			field.CopyFrom(given[i])
			origins[field.Key] = origin("--" + field.Flag())
		}
	}
	if err := c.complete(getenv); err != nil {
		return c, nil, err
	}
	return c, origins, nil
}

// readConfig reads a configuration file and returns the keys that it has.
func readConfig(file string, c *config) ([]string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	root, err := option.Parse(file, b)
	if err != nil {
		return nil, plain(err)
	}
	if err := root.Into(c); err != nil {
		return nil, plain(err)
	}
	var keys []string
	err = root.Map(func(key string, _, _ option.Node) error { keys = append(keys, key); return nil })
	return keys, err
}

// complete fills in what depends on the machine, and says what is wrong.
func (c *config) complete(getenv func(string) (string, bool)) error {
	if c.Data == "" {
		c.Data = "/var/lib/rouse"
		if os.Geteuid() != 0 {
			home, err := os.UserHomeDir()
			if err != nil {
				return fmt.Errorf("data: there is no home folder to keep it in (%w); name one with --data", err)
			}
			c.Data = filepath.Join(home, ".local", "share", "rouse")
			if xdg, ok := getenv("XDG_DATA_HOME"); ok && filepath.IsAbs(xdg) {
				c.Data = filepath.Join(xdg, "rouse")
			}
		}
	}
	var err error
	if c.Data, err = filepath.Abs(c.Data); err != nil {
		return err
	}
	if c.MaxStarts == 0 {
		c.MaxStarts = max(2*runtime.NumCPU(), 4)
	}
	if c.MemoryBudget == 0 {
		if c.MemoryBudget, err = hostMemory(); err != nil {
			return err
		}
		c.MemoryBudget = c.MemoryBudget / 5 * 4 / rouse.MB * rouse.MB
	}
	return c.validate()
}

func (c *config) validate() error {
	loopback, err := isLoopback(c.Listen)
	_, badNetworks := networks(c.WebhookAllow)
	badRuntime := ""
	for name, image := range c.RuntimeImage {
		if image == "" || !slices.Contains(bootstrap.Planner{}.Runtimes(), name) {
			badRuntime = name
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("listen %q: %w; write it like 127.0.0.1:8080", c.Listen, err)
	case !loopback && !c.Insecure && c.Auth == authNone:
		return fmt.Errorf("listen %s: whoever reaches this address could run code here, since nobody is asked who they are; listen on 127.0.0.1, ask for keys with --auth keys, or give --insecure", c.Listen)
	case c.validateDoor() != nil:
		return c.validateDoor()
	case c.place().Validate() != nil:
		return plain(c.place().Validate())
	case c.AccountConcurrency < 100:
		return fmt.Errorf("account_concurrency %d: must be at least 100", c.AccountConcurrency)
	case c.MemoryBudget < 16*rouse.MB:
		return fmt.Errorf("memory_budget %s: must be at least 16MB", c.MemoryBudget)
	case c.Relay != "" && !isAddress(c.Relay):
		return fmt.Errorf("relay %q: write it like 192.168.1.2:7070 or host-gateway:7070", c.Relay)
	case c.Relay != "" && c.Sockets != "auto" && c.Sockets != "relay":
		return fmt.Errorf("relay %s: nothing is relayed with sockets %s; use auto or relay", c.Relay, c.Sockets)
	case c.MaxInstances < 1:
		return fmt.Errorf("max_instances_total %d: must be at least 1", c.MaxInstances)
	case c.MaxStarts < 1:
		return fmt.Errorf("max_starts %d: must be at least 1", c.MaxStarts)
	case badRuntime != "":
		return fmt.Errorf("runtime_image %s: must be RUNTIME=IMAGE; runtimes are %s", badRuntime, strings.Join(bootstrap.Planner{}.Runtimes(), ", "))
	case c.Cells < 0 || c.Cells > 1000:
		return fmt.Errorf("cells %d: must be 0 (none) to 1000", c.Cells)
	case c.MaxEvent < rouse.KB || c.MaxEvent > 64*rouse.MB:
		return fmt.Errorf("max_event %s: must be 1KB to 64MB", c.MaxEvent)
	case c.MaxBody < rouse.KB:
		return fmt.Errorf("max_body %s: must be at least 1KB", c.MaxBody)
	case c.MaxResult < rouse.KB || c.MaxResult > rouse.GB:
		return fmt.Errorf("max_result %s: must be 1KB to 1GB", c.MaxResult)
	case c.KeepJobs <= 0:
		return fmt.Errorf("keep_jobs %s: must be more than 0", c.KeepJobs)
	case c.KeepDead <= 0:
		return fmt.Errorf("keep_dead %s: must be more than 0", c.KeepDead)
	case c.KeepSize < rouse.MB:
		return fmt.Errorf("keep_size %s: must be at least 1MB", c.KeepSize)
	case badNetworks != nil:
		return badNetworks
	case c.MaxCode < rouse.KB:
		return fmt.Errorf("max_code %s: must be at least 1KB", c.MaxCode)
	case c.SlowBody <= 0:
		return fmt.Errorf("slow_body %s: must be more than 0", c.SlowBody)
	case c.Reconnect <= 0:
		return fmt.Errorf("reconnect %s: must be more than 0", c.Reconnect)
	case c.DrainTimeout < 0:
		return fmt.Errorf("drain_timeout %s: must not be negative", c.DrainTimeout)
	}
	return nil
}

// place is where ARNs say that functions are.
func (c *config) place() rouse.Place { return rouse.Place{Region: c.Region, Account: c.Account} }

// isLoopback says whether only this machine reaches an address to listen on.
func isLoopback(listen string) (bool, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return false, fmt.Errorf("not HOST:PORT")
	}
	if _, err := net.LookupPort("tcp", port); err != nil {
		return false, fmt.Errorf("not a port")
	}
	if strings.EqualFold(host, "localhost") {
		return true, nil
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback(), nil
}

// isAddress says whether s is HOST:PORT, with both given.
func isAddress(s string) bool {
	host, port, err := net.SplitHostPort(s)
	n, numErr := strconv.ParseUint(port, 10, 16)
	return err == nil && numErr == nil && host != "" && n > 0
}

func (a *app) configCommand() *cobra.Command {
	var flags configFlags
	cmd := &cobra.Command{
		Use:     "config",
		Short:   "print the configuration that rouse serve would have",
		Long:    "Print the configuration that rouse serve would have with the same flags, environment and file,\nand where each value comes from. The output can be used as a configuration file.",
		Example: "  rouse config\n  rouse config --config rouse-server.yaml --json",
		Args:    cobra.NoArgs,
	}
	flags.add(cmd.Flags())
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, origins, err := flags.load(cmd.Flags(), a.getenv)
		if err != nil {
			return usageError{err}
		}
		if *asJSON {
			values := make(map[string]any)
			for _, f := range option.Fields(&c) {
				values[f.Key] = f.JSON()
			}
			return printJSON(a.stdout, values)
		}
		for _, f := range option.Fields(&c) {
			from := origins[f.Key]
			if from == "" {
				from = "default"
			}
			if _, err := fmt.Fprintf(a.stdout, "%s # %s\n", f.YAML(), from); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}
