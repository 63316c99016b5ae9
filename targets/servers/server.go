// SPDX-License-Identifier: MIT

// net/http as its documentation shows it: GET / and GET /bytes/N. Built without cgo, so that the binary is static.
package main

import (
	"bytes"
	"log"
	"net/http"
	"strconv"
	"strings"
)

func serve(response http.ResponseWriter, request *http.Request) {
	size, err := strconv.Atoi(strings.TrimPrefix(request.URL.Path, "/bytes/"))
	body := []byte("hello\n")
	if err == nil && size >= 0 && size < 100000000 {
		body = bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
	}
	response.Header().Set("Content-Length", strconv.Itoa(len(body)))
	response.Write(body)
}

func main() {
	http.HandleFunc("/", serve)
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}
