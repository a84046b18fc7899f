package suggest

import "testing"

func TestNearest(t *testing.T) {
	known := []string{"memory", "timeout", "handler", "env", "env_file", "max_instances"}
	for word, want := range map[string]string{
		"memroy": "memory", "memmory": "memory", "mem": "", "timout": "timeout", "Handler": "handler",
		"max-instances": "max_instances", "max_instance": "max_instances", "evn": "env", "zzz": "", "": "", "envfile": "env_file",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
