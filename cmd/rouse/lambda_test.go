package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const boto3Version = "boto3==1.44.5"

// boto3 is a folder with AWS's client for Python, installed once for all runs.
func boto3(t *testing.T, python string) string {
	t.Helper()
	return installed(t, python, boto3Version)
}

func TestBoto3FindsAWSLambda(t *testing.T) { boto3Suite(t, "lambda_api.py") }

func TestBoto3FindsSQS(t *testing.T) { boto3Suite(t, "sqs_api.py") }

// boto3Suite runs a file of testdata/boto3 against a Rouse of its own.
func boto3Suite(t *testing.T, file string) {
	t.Helper()
	if testing.Short() {
		t.Skip("it takes ten seconds")
	}
	python, err := exec.LookPath("/usr/bin/python3.11")
	if err != nil {
		if python, err = exec.LookPath("python3.11"); err != nil {
			t.Skip("there is no python3.11 here")
		}
	}
	libraries := boto3(t, python)
	s := serve(t)
	s.deploy("deployed")
	cmd := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "boto3", file))
	cmd.Env = append(os.Environ(), "PYTHONPATH="+libraries, "PYTHONDONTWRITEBYTECODE=1", "ROUSE_ENDPOINT="+s.url, "ROUSE_DEPLOYED=deployed")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\nserver:\n%s", err, out, s.stderr)
	}
	if code := s.end(); code != 0 {
		t.Errorf("the server ended with %d", code)
	}
	nothingLeft(t, s.data)
}
