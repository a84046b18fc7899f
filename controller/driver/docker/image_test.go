package docker

import (
	"syscall"
	"testing"
)

func TestAStopSignalIsReadAsDockerReadsIt(t *testing.T) {
	for text, want := range map[string]int{
		"SIGQUIT": int(syscall.SIGQUIT), "quit": int(syscall.SIGQUIT), "3": 3, "SIGRTMIN": 34, "SIGRTMIN+3": 37,
		"": 0, "0": 0, "65": 0, "-1": 0, "SIGNONE": 0, "SIGRTMIN+99": 0, "SIGRTMIN-1": 0, "SIGRTMINx": 0,
	} {
		if got := signalOf(text); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}

func TestAnImageIsReachedAtTheOnePortThatItExposes(t *testing.T) {
	for want, ports := range map[int][][]string{
		3000: {{"3000/tcp"}, {"3000"}, {"3000/tcp", "53/udp"}},
		0:    {nil, {"53/udp"}, {"80/tcp", "443/tcp"}, {"nonsense"}, {"99999/tcp"}},
	} {
		for _, p := range ports {
			if got := exposed(p); got != want {
				t.Errorf("%q: port %d, want %d", p, got, want)
			}
		}
	}
}
