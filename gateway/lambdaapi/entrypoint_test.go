package lambdaapi

import "testing"

func TestWhyAProcessCannotStartIsSaidInAWSsWords(t *testing.T) {
	for said, want := range map[string]string{
		"exec: /var/task/bootstrap: no such file or directory":                                                  "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
		"exec: /var/task/bootstrap: the interpreter that its first line or its ELF header names does not exist": "fork/exec /var/task/bootstrap: no such file or directory",
		"exec: /var/task/bootstrap: permission denied for uid 1051; is it executable?":                          "fork/exec /var/task/bootstrap: permission denied",
		"exec: /var/task/bootstrap: not a program for this machine, nor a script that begins with #!":           "fork/exec /var/task/bootstrap: exec format error",
		"exec: /lambda-entrypoint.sh: a program for another machine than this one, which is amd64":              "fork/exec /lambda-entrypoint.sh: exec format error",
		"exec: /missing: no such file or directory":                                                             "fork/exec /missing: no such file or directory",
		"exec: app.handler: not found in PATH /usr/bin:/bin":                                                    `exec: "app.handler": executable file not found in $PATH`,
		"exec: /x: text file busy": "exec: /x: text file busy",
		"something else":           "something else",
	} {
		if got := entrypoint(said); got != want {
			t.Errorf("%s: %s, want %s", said, got, want)
		}
	}
}
