package catalog

import (
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/rousehq/rouse"
)

// machines are the architectures in AWS Lambda's words, by Go's and by ELF's.
var machines = map[string]struct {
	number elf.Machine
	name   string
}{
	"amd64": {elf.EM_X86_64, "x86_64"},
	"arm64": {elf.EM_AARCH64, "arm64"},
}

// checkMachine finds a program that was built for another machine than this
// one. What is not ELF may be a script, and is taken at its word.
func checkMachine(file string) error {
	here, known := machines[runtime.GOARCH]
	number, ok := machineOf(file)
	if !known || !ok || number == here.number {
		return nil
	}
	builtFor := number.String()
	for _, m := range machines {
		if m.number == number {
			builtFor = m.name
		}
	}
	return rouse.Errorf(rouse.Invalid, "%s is a program for %s, and this machine is %s; build it for that and deploy again",
		filepath.Base(file), builtFor, here.name)
}

// machineOf reads for which machine an ELF file is.
func machineOf(file string) (elf.Machine, bool) {
	f, err := os.Open(file)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	var head [20]byte // up to e_machine
	if _, err := io.ReadFull(f, head[:]); err != nil || string(head[:4]) != elf.ELFMAG {
		return 0, false
	}
	var order binary.ByteOrder = binary.LittleEndian
	if elf.Data(head[elf.EI_DATA]) == elf.ELFDATA2MSB {
		order = binary.BigEndian
	}
	return elf.Machine(order.Uint16(head[18:])), true
}
