package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const boto3Version = "boto3==1.44.5"

// boto3 is a folder with AWS's client for Python, installed once for all runs.
func boto3(t *testing.T, python string) string {
	t.Helper()
	cache, err := filepath.Abs("../../.cache/" + strings.ReplaceAll(boto3Version, "==", "-"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(cache); err == nil {
		return cache
	}
	temp := cache + ".tmp"
	out, err := exec.CommandContext(t.Context(), python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "-t", temp, boto3Version).CombinedOutput()
	if err == nil {
		err = os.Rename(temp, cache)
	}
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("%s cannot be installed: %v\n%s", boto3Version, err, out)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return cache
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
