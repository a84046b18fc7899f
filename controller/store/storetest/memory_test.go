package storetest_test

import (
	"testing"

	"github.com/rousehq/rouse/controller/store"
	"github.com/rousehq/rouse/controller/store/storetest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return storetest.NewMemory() })
}

func TestMemorySpaceKeepsTheContract(t *testing.T) {
	storetest.RunSpace(t, func(*testing.T) store.Space { return storetest.NewSpace() })
}
