// A consumer on amqp091-go: consumes COUNT messages of QUEUE by PLAN and prints what it did; see behaviour.py.
//
//	GOPATH=/usr/share/gocode GO111MODULE=off go run consumer.go PORT QUEUE COUNT PREFETCH PLAN
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	amqp "github.com/rabbitmq/amqp091-go"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "consumer:", err)
		os.Exit(1)
	}
}

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: consumer PORT QUEUE COUNT PREFETCH PLAN")
		os.Exit(2)
	}
	port, queue, plan := os.Args[1], os.Args[2], os.Args[5]
	count, err := strconv.Atoi(os.Args[3])
	check(err)
	prefetch, err := strconv.Atoi(os.Args[4])
	check(err)

	connection, err := amqp.Dial("amqp://guest:guest@127.0.0.1:" + port + "/")
	check(err)
	channel, err := connection.Channel()
	check(err)
	check(channel.Qos(prefetch, 0, false))
	deliveries, err := channel.Consume(queue, "", false, false, false, false, nil)
	check(err)
	did := map[string]int{"delivered": 0, "redelivered": 0, "acked": 0, "requeued": 0, "rejected": 0}
	for left := 0; left < count; {
		delivery := <-deliveries
		letter := plan[did["delivered"]%len(plan)]
		did["delivered"]++
		if delivery.Redelivered {
			did["redelivered"]++
		}
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
		check(err)
		switch letter {
		case 'n', 'r':
			did["requeued"]++
		case 'N', 'x':
			did["rejected"]++
			left++
		}
	}
	check(connection.Close())
	line, err := json.Marshal(did)
	check(err)
	fmt.Println(string(line))
}
