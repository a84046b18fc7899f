package lambdaapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestAnEventThatIsNotJSONIsToldInTheWordsOfAWSsParser(t *testing.T) {
	const values = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
	place := func(line, column int) string {
		return fmt.Sprintf("[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: %d, column: %d]", line, column)
	}
	for _, test := range []struct {
		payload, problem string
		line, column     int
	}{
		// As AWS was seen to answer, or Jackson does.
		{"{client_id:1}", "Unexpected character ('c' (code 99)): was expecting double-quote to start field name", 1, 2},
		{"x", "Unrecognized token 'x': was expecting " + values, 1, 2},
		{"Hello World", "Unrecognized token 'Hello': was expecting " + values, 1, 7},
		{"<p>", "Unexpected character ('<' (code 60)): expected a valid value " + values, 1, 1},
		{"'test'", "Unexpected character (''' (code 39)): expected a valid value " + values, 1, 1},
		{"\x99", "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value " + values, 1, 1},
		{"0D", "Unexpected character ('D' (code 68)): Expected space separating root-level values", 1, 2},
		{"------", "Unexpected character ('-' (code 45)) in numeric value: expected digit (0-9) to follow minus sign, for valid numeric value", 1, 2},
		{"{", "Unexpected end-of-input: expected close marker for Object (start marker at " + place(1, 1) + ")", 1, 2},
		{"\n [1,\n2", "Unexpected end-of-input: expected close marker for Array (start marker at " + place(2, 2) + ")", 3, 2},
		{`{"a":1,}`, "Unexpected character ('}' (code 125)): was expecting double-quote to start field name", 1, 8},
		{`{"a":1 "b"`, "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries", 1, 8},
		{`{"a" 1}`, "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value", 1, 6},
		{`{"a":`, "Unexpected end-of-input within/between Object entries", 1, 6},
		{`[1,]`, "Unexpected character (']' (code 93)): expected a value", 1, 4},
		{`{"a":[1}`, "Unexpected close marker '}': expected ']' (for Array starting at " + place(1, 6) + ")", 1, 9},
		{`"x`, "Unexpected end-of-input in VALUE_STRING", 1, 3},
		{"\"a\nb\"", "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to be included in string value", 1, 3},
		{`"\q"`, "Unrecognized character escape 'q' (code 113)", 1, 3},
		{`"\u00g0"`, "Unexpected character ('g' (code 103)): expected a hex-digit for character escape sequence", 1, 6},
		{"\"\xff\"", "Invalid UTF-8 start byte 0xff", 1, 3},
		{"[01]", "Invalid numeric value: Leading zeroes not allowed", 1, 3},
		{"[1.]", "Unexpected character (']' (code 93)) in numeric value: Decimal point not followed by a digit", 1, 4},
		{"NaN", "Non-standard token 'NaN': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow", 1, 4},
		{"nul", "Unrecognized token 'nul': was expecting " + values, 1, 4},
	} {
		if got, want := jsonProblem([]byte(test.payload)), test.problem+"\n at "+place(test.line, test.column); got != want {
			t.Errorf("of %q:\n%s\nnot\n%s", test.payload, got, want)
		}
	}
}

func FuzzWhatIsWrongWithAnEventIsSaid(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"a":[1,{"b":null}]}`, "1 2", `"é`, strings.Repeat("[", 2000), "\xe2\x28", `{"a":-`, "tru e"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		if json.Valid(payload) {
			return
		}
		if got := jsonProblem(payload); !strings.Contains(got, "\n at [Source: ") {
			t.Errorf("of %q: %s", payload, got)
		}
	})
}
