package agent

import (
	"errors"
	"os"
	"time"

	"github.com/rousehq/rouse/runtime/wire"
)

// Config tells an agent where it belongs.
type Config struct {
	Dir       string // holds the host's socket; "" where the host is reached by Relay
	Relay     string // HOST:PORT of a host that takes everything over TCP
	ID        string
	Token     string
	Reconnect time.Duration // how long to wait for a lost host
}

// FromEnv reads the Config that the host put into the environment, and clears
// the environment.
func FromEnv() (Config, error) {
	c := Config{
		Dir:   os.Getenv(wire.EnvDir),
		ID:    os.Getenv(wire.EnvID),
		Token: os.Getenv(wire.EnvToken),
		Relay: os.Getenv(wire.EnvRelay),
	}
	var err error
	c.Reconnect, err = time.ParseDuration(os.Getenv(wire.EnvReconnect))
	os.Clearenv()
	switch {
	case (c.Dir == "") == (c.Relay == "") || c.ID == "" || c.Token == "":
		return Config{}, errors.New(wire.EnvDir + " or " + wire.EnvRelay + ", " + wire.EnvID + " and " + wire.EnvToken +
			" must be set: Rouse starts this program as the first process of a sandbox")
	case err != nil || c.Reconnect <= 0:
		return Config{}, errors.New(wire.EnvReconnect + " must be a duration like 60s")
	}
	return c, nil
}
