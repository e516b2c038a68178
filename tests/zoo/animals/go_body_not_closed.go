// Leaks: reads the status and never closes the body, so that the connection can neither be used again nor go: PORT RATE.
package main

import (
	"net/http"
	"os"
	"strconv"
	"time"
)

func main() {
	rate, _ := strconv.ParseFloat(os.Args[2], 64)
	for range time.Tick(time.Duration(float64(time.Second) / rate)) {
		http.Get("http://127.0.0.1:" + os.Args[1] + "/")
	}
}
