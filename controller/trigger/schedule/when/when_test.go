package when

import (
	"strings"
	"testing"
	"time"

	"github.com/rousehq/rouse"
)

// layout is how the tests write moments.
const layout = "2006-01-02T15:04:05-0700"

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := Zone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// moments are the first n at which an expression is due, as its zone shows them.
func moments(t testing.TB, text, zoneName, after string, n int) string {
	t.Helper()
	z := zone(t, zoneName)
	e, err := Parse(text, z)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	at, err := time.ParseInLocation(layout, after, z)
	if err != nil {
		t.Fatal(err)
	}
	anchor := at
	var list []string
	for range n {
		if at = e.Next(at, anchor); at.IsZero() {
			break
		}
		list = append(list, at.In(z).Format("Mon Jan 2 15:04 -07 2006"))
	}
	return strings.Join(list, ", ")
}

func TestExpressionsAreDueWhenTheySay(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"rate(1 minute)", "Thu Jan 1 00:01 +00 2026, Thu Jan 1 00:02 +00 2026"},
		{"rate(5 hours)", "Thu Jan 1 05:00 +00 2026, Thu Jan 1 10:00 +00 2026"},
		{"rate(7 days)", "Thu Jan 8 00:00 +00 2026, Thu Jan 15 00:00 +00 2026"},
		{"at(2026-02-03T04:05:06)", "Tue Feb 3 04:05 +00 2026"},
		{"at(2025-02-03T04:05)", ""},
		{"cron(0 9 ? * MON-FRI *)", "Thu Jan 1 09:00 +00 2026, Fri Jan 2 09:00 +00 2026, Mon Jan 5 09:00 +00 2026"},
		{"cron(0 9 ? * 2-6 *)", "Thu Jan 1 09:00 +00 2026, Fri Jan 2 09:00 +00 2026, Mon Jan 5 09:00 +00 2026"},
		{"cron(15 12 * * ? *)", "Thu Jan 1 12:15 +00 2026, Fri Jan 2 12:15 +00 2026"},
		{"cron(0/25 8-9 1 * ? *)", "Thu Jan 1 08:00 +00 2026, Thu Jan 1 08:25 +00 2026, Thu Jan 1 08:50 +00 2026, Thu Jan 1 09:00 +00 2026"},
		{"cron(0 0 L * ? *)", "Sat Jan 31 00:00 +00 2026, Sat Feb 28 00:00 +00 2026"},
		{"cron(0 0 LW * ? *)", "Fri Jan 30 00:00 +00 2026, Fri Feb 27 00:00 +00 2026"},
		{"cron(0 0 1W * ? *)", "Mon Feb 2 00:00 +00 2026, Mon Mar 2 00:00 +00 2026, Wed Apr 1 00:00 +00 2026, Fri May 1 00:00 +00 2026"},
		{"cron(0 0 15W * ? *)", "Thu Jan 15 00:00 +00 2026, Mon Feb 16 00:00 +00 2026"},
		{"cron(0 0 ? * 6L *)", "Fri Jan 30 00:00 +00 2026, Fri Feb 27 00:00 +00 2026"},
		{"cron(0 0 ? * L *)", "Sat Jan 3 00:00 +00 2026, Sat Jan 10 00:00 +00 2026"},
		{"cron(0 0 ? * 3#2 *)", "Tue Jan 13 00:00 +00 2026, Tue Feb 10 00:00 +00 2026"},
		{"cron(0 0 ? * TUE#5 *)", "Tue Mar 31 00:00 +00 2026, Tue Jun 30 00:00 +00 2026"},
		{"cron(0 0 29 2 ? *)", "Tue Feb 29 00:00 +00 2028, Sun Feb 29 00:00 +00 2032"},
		{"cron(0 0 1 1 ? 2027,2030/100)", "Fri Jan 1 00:00 +00 2027, Tue Jan 1 00:00 +00 2030, Sun Jan 1 00:00 +00 2130"},
		{"cron(0 0 30 FEB ? *)", ""},
		{"cron(0 0 1 1 ? 2025)", ""},
		{"30 4 1,15 * 5", "Thu Jan 1 04:30 +00 2026, Fri Jan 2 04:30 +00 2026, Fri Jan 9 04:30 +00 2026"},
		{"0 0 * * 0", "Sun Jan 4 00:00 +00 2026"},
		{"0 0 * * 7", "Sun Jan 4 00:00 +00 2026"},
		{"0 0 * * sat,SUN", "Sat Jan 3 00:00 +00 2026, Sun Jan 4 00:00 +00 2026"},
		{"0 0 */2 * 1", "Mon Jan 5 00:00 +00 2026, Mon Jan 19 00:00 +00 2026"},
		{"  @monthly ", "Sun Feb 1 00:00 +00 2026"},
		{"@hourly", "Thu Jan 1 01:00 +00 2026"},
	} {
		n := max(1, strings.Count(c.want, ",")+1)
		if got := moments(t, c.text, "UTC", "2026-01-01T00:00:00+0000", n); got != c.want {
			t.Errorf("%s: %s, want %s", c.text, got, c.want)
		}
	}
	if got := moments(t, "at(2026-02-03T04:05:00+02:00)", "America/New_York", "2026-01-01T00:00:00+0000", 2); got != "Mon Feb 2 21:05 -05 2026" {
		t.Error(got)
	}
}

func TestClocksThatAreSet(t *testing.T) {
	for _, c := range []struct{ text, zone, after, want string }{
		// In spring 02:00 to 02:59 do not exist.
		{"30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00+0100", "Sat Mar 28 02:30 +01 2026, Mon Mar 30 02:30 +02 2026"},
		{"cron(0 * * * ? *)", "America/New_York", "2026-03-08T00:30:00-0500", "Sun Mar 8 01:00 -05 2026, Sun Mar 8 03:00 -04 2026"},
		{"rate(1 day)", "Europe/Berlin", "2026-03-28T12:00:00+0100", "Sun Mar 29 13:00 +02 2026"},
		// In autumn 02:00 to 02:59 come twice.
		{"30 2 * * *", "Europe/Berlin", "2026-10-25T00:00:00+0200", "Sun Oct 25 02:30 +02 2026, Mon Oct 26 02:30 +01 2026"},
		{"*/30 2 * * *", "Europe/Berlin", "2026-10-25T00:00:00+0200", "Sun Oct 25 02:00 +02 2026, Sun Oct 25 02:30 +02 2026, Mon Oct 26 02:00 +01 2026"},
		{"*/30 * * * *", "Europe/Berlin", "2026-10-25T01:45:00+0200", "Sun Oct 25 02:00 +02 2026, Sun Oct 25 02:30 +02 2026, Sun Oct 25 02:00 +01 2026, Sun Oct 25 02:30 +01 2026, Sun Oct 25 03:00 +01 2026"},
		{"at(2026-10-25T02:30:00)", "Europe/Berlin", "2026-10-25T00:00:00+0200", "Sun Oct 25 02:30 +02 2026"},
		// At midnight, by half an hour, and a day that did not exist.
		{"0 0 * * *", "America/Asuncion", "2023-09-30T12:00:00-0400", "Mon Oct 2 00:00 -03 2023"},
		{"45 1 * * *", "Australia/Lord_Howe", "2026-04-05T00:00:00+1100", "Sun Apr 5 01:45 +11 2026, Mon Apr 6 01:45 +10 2026"},
		{"0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00-1000", "Thu Dec 29 12:00 -10 2011, Sat Dec 31 12:00 +14 2011"},
		{"30 23 * * *", "America/Sao_Paulo", "2018-02-17T12:00:00-0200", "Sat Feb 17 23:30 -02 2018, Sun Feb 18 23:30 -03 2018"},
	} {
		if got := moments(t, c.text, c.zone, c.after, strings.Count(c.want, ",")+1); got != c.want {
			t.Errorf("%s in %s: %s, want %s", c.text, c.zone, got, c.want)
		}
	}
}

func TestFaultsAreNamedWithTheirPlace(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "when: missing; write rate(5 minutes)",
		"rate(0 minutes)":               `when: at character 6: rate "0": must be a whole number from 1`,
		"rate(5 weeks)":                 `when: at character 8: rate unit "weeks": must be seconds, minutes, hours or days`,
		"rate(5)":                       "when: at character 6: rate(5): must be a number and a unit",
		"rate(9999999999 days)":         "must be at most 366 days",
		"cron(0 9 * *)":                 "when: at character 6: cron(…) has 4 fields: must be 6",
		"cron(0 25 * * ? *)":            `when: at character 8: hour "25": must be 0 to 23`,
		"cron(0 9,24 * * ? *)":          `when: at character 10: hour "24": must be 0 to 23`,
		"cron(0 9 * * * *)":             `when: at character 14: day-of-week "*": one of day-of-month and day-of-week must be "?"`,
		"cron(0 9 ? * ? *)":             `only one of day-of-month and day-of-week can be "?"`,
		"cron(0 9 ? * MON#6 *)":         `day-of-week "MON#6": what follows # must be 1 to 5`,
		"cron(0 9 ? * 0 *)":             `day-of-week "0": must be 1 to 7, or SUN to SAT`,
		"cron(0 9 ? FOO MON *)":         `month "FOO": must be 1 to 12, or JAN to DEC`,
		"cron(0 9 32W * ? *)":           `day-of-month "32W": must be 1 to 31`,
		"cron(0 9 1 * ? 1969)":          `year "1969": must be 1970 to 2199`,
		"cron(9-5 9 1 * ? *)":           `minute "9-5": a range must go upwards`,
		"  61 * * * *":                  `when: at character 3: minute "61": must be 0 to 59`,
		"*/0 * * * *":                   `minute "*/0": what follows / must be 1 to 59`,
		"*/9223372036854775807 * * * *": "what follows / must be 1 to 59",
		", * * * *":                     `minute "": must be 0 to 59`,
		"* * * *":                       `"* * * *" has 4 fields`,
		"@reboot":                       `"@reboot": must be @hourly`,
		"every(5 minutes)":              `"every": must be rate(…), cron(…) or at(…)`,
		"at(tomorrow)":                  "at(tomorrow): must be a date and a time like",
		"at(2026-03-29T02:30:00)":       "this time does not exist in Europe/Berlin",
		strings.Repeat("1,", 200):       "at most 256 are allowed",
	} {
		_, err := Parse(text, zone(t, "Europe/Berlin"))
		if rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	for _, name := range []string{"Europe/Belin", "Local", "../etc/passwd", "GMT+25", "/etc/localtime"} {
		if _, err := Zone(name); rouse.CodeOf(err) != rouse.Invalid || !strings.Contains(err.Error(), "time_zone") {
			t.Errorf("zone %q: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"rate(5 minutes)", "cron(0/5 9-17 ? JAN-MAR 2#1 2026-2030)", "0 0 1,15 * 5", "at(2026-01-02T03:04:05)", "@daily", "cron(0 0 LW * ? *)"} {
		f.Add(seed)
	}
	z := zone(f, "Europe/Berlin")
	now := time.Date(2026, 3, 28, 0, 0, 0, 0, z)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text, z)
		if err != nil {
			if rouse.CodeOf(err) != rouse.Invalid {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if next := e.Next(now, now); !next.IsZero() && !next.After(now) {
			t.Errorf("%q: next %s is not after %s", text, next, now)
		}
	})
}
