// Healthy: the same with the body read and closed; one connection does for all requests: PORT RATE.
package main

import (
	"io"
	"net/http"
	"os"
	"strconv"
	"time"
)

func main() {
	rate, _ := strconv.ParseFloat(os.Args[2], 64)
	for range time.Tick(time.Duration(float64(time.Second) / rate)) {
		if response, err := http.Get("http://127.0.0.1:" + os.Args[1] + "/"); err == nil {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	}
}
