// A consumer on amqp091-go: consumes COUNT messages of QUEUE by PLAN and prints what it did; see behaviour.py.
//
//	GOPATH=/usr/share/gocode GO111MODULE=off go run consumer.go [-host H] [-heartbeat S] [-log FILE] PORT QUEUE COUNT PREFETCH PLAN
//
// With -log it writes the lines of behaviour.py's Journal, lives until SIGTERM, which closes the connection in good order,
// and connects again whenever a connection is lost. COUNT 0 then is no limit.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

var (
	host      = flag.String("host", "127.0.0.1", "address of the broker")
	heartbeat = flag.Int("heartbeat", 10, "seconds")
	log       = flag.String("log", "", "file for the journal")

	port, queue, plan string
	count, prefetch   int
	journal           *os.File
	did               = map[string]int{"delivered": 0, "redelivered": 0, "acked": 0, "requeued": 0, "rejected": 0}
	left              int
	connectedAt       = time.Now()
)

// So long a client with -log tries to connect again, counted from when it last had.
const longestWithout = 300 * time.Second

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "consumer:", err)
		os.Exit(1)
	}
}

func note(words ...interface{}) {
	if journal != nil {
		line := fmt.Sprint(time.Now().UnixNano()) + " " + strings.ReplaceAll(fmt.Sprintln(words...), "\n", " ")
		journal.WriteString(strings.TrimSpace(line) + "\n")
	}
}

// Carries out the plan's letter for one delivery.
func settle(delivery amqp.Delivery) (err error) {
	letter := plan[did["delivered"]%len(plan)]
	did["delivered"]++
	redelivered := 0
	if delivery.Redelivered {
		redelivered = 1
		did["redelivered"]++
	}
	number := -1
	if len(delivery.Body) >= 9 {
		if read, err := strconv.Atoi(string(delivery.Body[:9])); err == nil {
			number = read
		}
	}
	note("got", number, redelivered)
	switch letter {
	case 'a':
		did["acked"]++
		left++
		err = delivery.Ack(false)
	case 'n', 'N':
		err = delivery.Nack(false, letter == 'n')
	case 'r', 'x':
		err = delivery.Reject(letter == 'r')
	}
	switch letter {
	case 'n', 'r':
		did["requeued"]++
	case 'N', 'x':
		did["rejected"]++
		left++
	}
	return err
}

// One connection from its beginning to its end: nil if it ended in good order.
func consume(stop <-chan os.Signal) error {
	connection, err := amqp.DialConfig("amqp://guest:guest@"+net.JoinHostPort(*host, port)+"/", amqp.Config{
		Heartbeat: time.Duration(*heartbeat) * time.Second,
		Locale:    "en_US",
	})
	if err != nil {
		return err
	}
	channel, err := connection.Channel()
	if err != nil {
		return err
	}
	if err := channel.Qos(prefetch, 0, false); err != nil {
		return err
	}
	deliveries, err := channel.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	lost := connection.NotifyClose(make(chan *amqp.Error, 1))
	connectedAt = time.Now()
	note("connected", os.Getpid())
	for count == 0 || left < count {
		select {
		case <-stop:
			note("closing")
			err := connection.Close()
			if err == nil {
				note("closed")
			}
			return err
		case delivery, open := <-deliveries:
			if !open {
				if reason := <-lost; reason != nil {
					return reason
				}
				return amqp.ErrClosed
			}
			if err := settle(delivery); err != nil {
				return err
			}
		}
	}
	return connection.Close()
}

func main() {
	flag.Parse()
	if flag.NArg() != 5 {
		fmt.Fprintln(os.Stderr, "usage: consumer [-host H] [-heartbeat S] [-log FILE] PORT QUEUE COUNT PREFETCH PLAN")
		os.Exit(2)
	}
	port, queue, plan = flag.Arg(0), flag.Arg(1), flag.Arg(4)
	var err error
	count, err = strconv.Atoi(flag.Arg(2))
	check(err)
	prefetch, err = strconv.Atoi(flag.Arg(3))
	check(err)
	stop := make(chan os.Signal, 1)
	if *log != "" {
		journal, err = os.OpenFile(*log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		check(err)
		signal.Notify(stop, syscall.SIGTERM)
	} else if count == 0 {
		fmt.Fprintln(os.Stderr, "consumer: say when to end: a COUNT, or -log, which ends with SIGTERM")
		os.Exit(2)
	}
	for {
		err := consume(stop)
		if err == nil {
			break
		}
		if journal == nil || time.Since(connectedAt) > longestWithout {
			check(err)
		}
		note("lost", err)
		time.Sleep(200 * time.Millisecond)
	}
	line, err := json.Marshal(did)
	check(err)
	fmt.Println(string(line))
}
