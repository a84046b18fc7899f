package lambda

// Output is the function's log, in which the Target says what it measures, in
// order with what the function prints. Its methods do not wait for the function.
type Output interface {
	// Say adds lines behind what has been printed so far.
	Say(lines ...string)
	// Drain takes in what has been printed so far, which then stands before
	// whatever is said next.
	Drain()
	// Follow has each line that the function, or an extension, prints from now on
	// told to f, which must not block. Only the last call counts.
	Follow(f func(text string, extension bool))
	// Begin adds the first line of an event, unless that is empty: what is printed
	// from now on belongs to it. With keep, End will tell what was logged since the
	// first Begin of the event.
	Begin(id, line string, keep bool)
	// End adds the last lines of the event behind what was printed until now, and
	// returns the end of its log if that was to be kept.
	End(lines ...string) []byte
}

// nowhere is the Output of a Target without a log.
type nowhere struct{}

var _ Output = nowhere{}

func (nowhere) Say(...string)              {}
func (nowhere) Drain()                     {}
func (nowhere) Follow(func(string, bool))  {}
func (nowhere) Begin(string, string, bool) {}
func (nowhere) End(...string) []byte       { return nil }
