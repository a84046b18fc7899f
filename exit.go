package rouse

import "strconv"

// String says how the process ended, in the words that AWS Lambda uses:
// "exit status 1" or "signal: killed".
func (e Exit) String() string {
	switch {
	case e.Error != "":
		return e.Error
	case e.Signal != "":
		return "signal: " + e.Signal
	}
	return "exit status " + strconv.Itoa(e.Code)
}
