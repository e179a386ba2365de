// Calls lossd as caller.py beside this folder does, with Go's gRPC.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"
)

const (
	compute       = "/lossd.v1.LossService/Compute"
	stream        = "/lossd.v1.LossService/ComputeStream"
	interval      = 3 * time.Millisecond
	largeInterval = 50 * time.Millisecond
)

// Messages as bytes.
type rawCodec struct{}

func (rawCodec) Marshal(message interface{}) ([]byte, error) { return *message.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, message interface{}) error {
	*message.(*[]byte) = data
	return nil
}
func (rawCodec) Name() string { return "proto" }

type caller struct {
	connection *grpc.ClientConn
	stop       chan struct{}
	lock       sync.Mutex
	counts     map[string]int
	errors     []string
}

func (c *caller) stopped() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

func (c *caller) count(name string) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.counts[name]++
}

func (c *caller) fail(name, what string, err error) {
	c.count(name)
	c.lock.Lock()
	defer c.lock.Unlock()
	if len(c.errors) < 10 {
		c.errors = append(c.errors, fmt.Sprintf("%s: %v", what, err))
	}
}

func (c *caller) call(name string, request []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var answer []byte
	if err := c.connection.Invoke(ctx, compute, &request, &answer); err != nil {
		c.fail("failed", name, err)
	} else {
		c.count(name)
	}
}

func (c *caller) smallCalls(request []byte) {
	var calls sync.WaitGroup
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for !c.stopped() {
		<-ticker.C
		calls.Add(1)
		go func() {
			defer calls.Done()
			c.call("small", request)
		}()
	}
	calls.Wait()
}

func (c *caller) largeCalls(request []byte) {
	for !c.stopped() {
		c.call("large", request)
		time.Sleep(largeInterval)
	}
}

func (c *caller) oneStream(batch []byte) error {
	c.count("streams")
	description := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	s, err := c.connection.NewStream(context.Background(), description, stream)
	if err != nil {
		return err
	}
	for !c.stopped() {
		if err := s.SendMsg(&batch); err != nil && err != io.EOF {
			return err
		}
		var answer []byte
		if err := s.RecvMsg(&answer); err != nil {
			return err
		}
		c.count("batches")
	}
	return s.CloseSend()
}

func (c *caller) batches(batch []byte) {
	for !c.stopped() {
		err := c.oneStream(batch)
		if err == nil {
			continue
		}
		// A server that stops ends it so, and has answered what it took.
		if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "shutting down") {
			c.fail("cut", "stream", err)
		}
	}
}

func dial(target string) (*grpc.ClientConn, error) {
	// As C++ and Python write several addresses: ipv4:HOST:PORT,HOST:PORT.
	servers := manual.NewBuilderWithScheme("servers")
	var state resolver.State
	for _, address := range strings.Split(strings.TrimPrefix(target, "ipv4:"), ",") {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: address})
	}
	servers.InitialState(state)
	return grpc.Dial("servers:///lossd", grpc.WithResolvers(servers),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig":[{"round_robin":{}}]}`),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{}), grpc.MaxCallRecvMsgSize(1<<30),
			// Beyond it gRPC does not send again what a leaving connection has not taken.
			grpc.MaxRetryRPCBufferSize(64<<20)))
}

func run() error {
	var requests [3][]byte
	for i := range requests {
		var err error
		if requests[i], err = os.ReadFile(os.Args[i+2]); err != nil {
			return err
		}
	}
	connection, err := dial(os.Args[1])
	if err != nil {
		return err
	}
	c := &caller{connection: connection, stop: make(chan struct{}), counts: map[string]int{"cut": 0, "failed": 0}}
	var work sync.WaitGroup
	for i, loop := range []func([]byte){c.smallCalls, c.largeCalls, c.batches} {
		work.Add(1)
		go func(i int, loop func([]byte)) {
			defer work.Done()
			loop(requests[i])
		}(i, loop)
	}
	fmt.Println("calling")
	if _, err := io.ReadAll(os.Stdin); err != nil {
		return err
	}
	close(c.stop)
	work.Wait()
	result := map[string]interface{}{"errors": c.errors}
	for name, count := range c.counts {
		result[name] = count
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
