// Opens connections from a goroutine and from a small method that is inlined, each time it is told to. The port is the first
// argument.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
)

type pool struct {
	held []net.Conn
}

//go:noinline
func (p *pool) fetch(address string) error {
	connection, err := net.Dial("tcp", address) // THE LINE
	p.held = append(p.held, connection)
	return err
}

func (p *pool) dial(address string) (net.Conn, error) {
	return net.Dial("tcp", address) // THE INLINED LINE
}

//go:noinline
func (p *pool) poll(address string) error {
	connection, err := p.dial(address) // THE CALLER
	p.held = append(p.held, connection)
	return err
}

func main() {
	var connections pool
	address := "127.0.0.1:" + os.Args[1]
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		failed := make(chan error)
		go func() { failed <- connections.fetch(address) }()
		fmt.Println("done", <-failed, connections.poll(address))
	}
}
