// Leaks: every request waits in a goroutine of its own, without a time limit, for a server that never answers: PORT RATE.
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
		go http.Get("http://127.0.0.1:" + os.Args[1] + "/")
	}
}
