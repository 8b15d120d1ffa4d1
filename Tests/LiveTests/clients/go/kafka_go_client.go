// A consumer on kafka-go that behaves as told and says what it did; see behaviour.go.
//
// It fails (letter e) by closing its reader before the message is committed: a new one begins behind the last commit. While
// it lives, kafka-go has no way back.
package main

import (
	"context"
	"log"
	"reflect"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
)

var codecs = map[string]kafka.Compression{
	"gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
}

type client struct {
	*behaviour
	reader *kafka.Reader
	writer *kafka.Writer
	// Not yet committed, in the order in which they were given.
	waiting []kafka.Message
	owned   int
}

// kafka-go tells its log alone what it was assigned.
func (c *client) logged(format string, words ...any) {
	if strings.HasPrefix(format, "subscribed to topics and partitions") {
		if c.owned > 0 {
			c.revoked(c.owned)
		}
		c.owned = reflect.ValueOf(words[0]).Len()
		c.assigned(c.owned)
	}
}

func (c *client) credentials() sasl.Mechanism {
	if c.sasl == "" {
		return nil
	}
	return plain.Mechanism{Username: testUser, Password: testPassword}
}

func (c *client) open() {
	config := kafka.ReaderConfig{
		Brokers: strings.Split(c.bootstrap, ","), GroupID: c.group, Topic: c.topic, StartOffset: kafka.FirstOffset,
		MinBytes: 1, MaxBytes: 1 << 20, MaxWait: time.Duration(c.fetchWaitMs) * time.Millisecond,
		SessionTimeout:    time.Duration(c.sessionMs) * time.Millisecond,
		HeartbeatInterval: time.Duration(c.sessionMs/4) * time.Millisecond, JoinGroupBackoff: 100 * time.Millisecond,
		ReadBackoffMin: 20 * time.Millisecond, ReadBackoffMax: 100 * time.Millisecond,
		Logger:      kafka.LoggerFunc(c.logged),
		ErrorLogger: kafka.LoggerFunc(func(format string, words ...any) { log.Printf("kafka-go: "+format, words...) }),
	}
	if c.assignor == "roundrobin" {
		config.GroupBalancers = []kafka.GroupBalancer{kafka.RoundRobinGroupBalancer{}}
	}
	if c.clientID != "" || c.sasl != "" {
		config.Dialer = &kafka.Dialer{
			ClientID: c.clientID, Timeout: 10 * time.Second, DualStack: true, SASLMechanism: c.credentials(),
		}
	}
	if c.commit == "auto" {
		// Commits are sent together, this often, and nobody waits for their answers.
		config.CommitInterval = 200 * time.Millisecond
	}
	c.reader = kafka.NewReader(config)
}

func (c *client) commitAll() {
	if len(c.waiting) == 0 {
		return
	}
	// After SIGTERM too what was given is committed.
	if err := c.reader.CommitMessages(context.Background(), c.waiting...); err != nil {
		log.Printf("kafka_go_client: a commit failed: %v", err)
		c.commitFailed()
		c.waiting = nil
		return
	}
	positions := map[place]int64{}
	for _, message := range c.waiting {
		positions[place{message.Topic, message.Partition}] = message.Offset + 1
	}
	c.committed(positions)
	c.waiting = nil
}

func (c *client) deadLetter(fate byte, message kafka.Message) {
	copied := kafka.Message{Topic: c.deadLetters, Key: message.Key, Value: message.Value}
	for _, one := range c.sourceHeaders(fate, place{message.Topic, message.Partition}, message.Offset) {
		copied.Headers = append(copied.Headers, kafka.Header{Key: one.key, Value: one.value})
	}
	if err := c.writer.WriteMessages(context.Background(), copied); err != nil {
		log.Fatalf("kafka_go_client: a dead letter was refused: %v", err)
	}
	c.deadLettered()
}

func (c *client) close() {
	if err := c.reader.Close(); err != nil {
		log.Fatalf("kafka_go_client: leaving: %v", err)
	}
}

func main() {
	c := &client{behaviour: newBehaviour("adDe", "each", "batch", "auto")}
	c.writer = &kafka.Writer{
		Addr: kafka.TCP(strings.Split(c.bootstrap, ",")...), BatchTimeout: time.Millisecond, RequiredAcks: kafka.RequireAll,
		Compression: codecs[c.codec], Transport: &kafka.Transport{ClientID: c.clientID, SASL: c.credentials()},
	}
	c.open()
	for !c.done() {
		waiting, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		message, err := c.reader.FetchMessage(waiting)
		cancel()
		if err != nil {
			if waiting.Err() != nil {
				continue
			}
			log.Fatalf("kafka_go_client: %v", err)
		}
		where := place{message.Topic, message.Partition}
		fate := c.received(where, message.Offset, message.Value)
		switch fate {
		case 'e':
			c.close()
			c.waiting = nil
			c.abandon()
			c.open()
			continue
		case 'd', 'D':
			c.deadLetter(fate, message)
		}
		c.waiting = append(c.waiting, message)
		if c.commit != "batch" || len(c.waiting) >= c.batch {
			c.commitAll()
		}
	}
	c.commitAll()
	c.close()
	if err := c.writer.Close(); err != nil {
		log.Fatal(err)
	}
	c.end("kafka-go")
}
