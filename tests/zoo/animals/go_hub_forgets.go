// Leaks: a hub that leaves a client in its table when reading from it fails: PORT.
package main

import (
	"net"
	"os"
)

func main() {
	listener, err := net.Listen("tcp4", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	clients := map[string]net.Conn{}
	for {
		client, err := listener.Accept()
		if err != nil {
			continue
		}
		clients[client.RemoteAddr().String()] = client
		go func() {
			buffer := make([]byte, 4096)
			for {
				length, err := client.Read(buffer)
				if err != nil {
					return
				}
				client.Write(buffer[:length])
			}
		}()
	}
}
