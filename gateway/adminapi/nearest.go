package adminapi

import "strings"

// suggest is the end of a message about an unknown word: the nearest known one,
// or all of them when none is near.
func suggest(word string, known []string) string {
	best, distance := "", len(word)/2+2
	for _, k := range known {
		if d := edits(strings.ToLower(word), k, distance); d < distance {
			best, distance = k, d
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "known are " + strings.Join(known, ", ")
}

// edits counts the letters to insert, delete or replace between two words, and
// gives up at most.
func edits(a, b string, most int) int {
	if len(a)-len(b) >= most || len(b)-len(a) >= most {
		return most
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
