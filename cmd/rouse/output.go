package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/rousehq/rouse"
)

// isTerminal says whether somebody watches what is written to w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// terminalSize is how much a terminal shows; 0 where that cannot be told.
func terminalSize(w io.Writer) (rows, columns int) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0
	}
	return int(size.Row), int(size.Col)
}

// jsonFlag adds --json to a listing.
func jsonFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("json", false, "print JSON")
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// table aligns columns. Its lines end with flush.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer, columns ...string) table {
	t := table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	t.row(columns...)
	return t
}

func (t table) row(cells ...string) { fmt.Fprintln(t.w, strings.Join(cells, "\t")) }

func (t table) flush() error { return t.w.Flush() }

// age is how long ago a moment was, in one unit.
func age(now, then time.Time) string {
	d := now.Sub(then)
	switch {
	case then.IsZero():
		return "-"
	case d < time.Second:
		return "now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// sizeText is a number of bytes as people read it.
func sizeText(n int64) string {
	switch {
	case n >= int64(rouse.GB):
		return fmt.Sprintf("%.1f GB", float64(n)/float64(rouse.GB))
	case n >= int64(rouse.MB):
		return fmt.Sprintf("%.1f MB", float64(n)/float64(rouse.MB))
	case n >= int64(rouse.KB):
		return fmt.Sprintf("%.1f KB", float64(n)/float64(rouse.KB))
	}
	return fmt.Sprintf("%d bytes", n)
}

// progress shows what goes on: on a terminal in one line that changes,
// elsewhere in a line each.
type progress struct {
	w        io.Writer
	terminal bool
	shown    bool // a changing line is on the screen
}

func newProgress(w io.Writer) *progress { return &progress{w: w, terminal: isTerminal(w)} }

const clearLine = "\r\x1b[K"

// say replaces the line that goes on.
func (p *progress) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if p.terminal {
		fmt.Fprint(p.w, clearLine+text)
		p.shown = true
		return
	}
	fmt.Fprintln(p.w, text)
}

// tick is say for news that only a terminal is worth telling of.
func (p *progress) tick(format string, args ...any) {
	if p.terminal {
		p.say(format, args...)
	}
}

// done removes the changing line.
func (p *progress) done() {
	if p.shown {
		fmt.Fprint(p.w, clearLine)
		p.shown = false
	}
}
