package main

import (
	"bufio"
	"io"
	"strconv"
	"strings"
)

// head is what a raw function needs of a response's head.
type head struct {
	id     string
	length int
}

func readHead(r *bufio.Reader) (head, error) {
	var h head
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return h, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			return h, nil
		}
		name, value, _ := strings.Cut(text, ": ")
		switch name {
		case "Lambda-Runtime-Aws-Request-Id":
			h.id = value
		case "Content-Length":
			if h.length, err = strconv.Atoi(value); err != nil {
				return h, err
			}
		}
	}
}

func readBody(r *bufio.Reader, into []byte, length int) ([]byte, error) {
	if cap(into) < length {
		into = make([]byte, length)
	}
	into = into[:length]
	_, err := io.ReadFull(r, into)
	return into, err
}
