// A member of a consumer group on sarama that behaves as told and says what it did; see behaviour.go. It is built with the
// sarama of either home: record_kafka.py writes the import path.
//
// sarama commits by itself what was marked, once in --commit auto's interval and when a session ends; with each and batch the
// session is told when, and with transaction what it produces (TOPIC.out) and commits is one. It fails (letter e) by an error from the handler: the session ends, and the next begins behind what
// was marked.
package main

import (
	"context"
	"errors"
	"log"
	"strings"
	"sync"
	"time"

	sarama "SARAMA"
)

var codecs = map[string]sarama.CompressionCodec{
	"none": sarama.CompressionNone, "gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy,
	"lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

var errFails = errors.New("the price service did not answer")

type handler struct {
	*behaviour
	producer sarama.SyncProducer
	txn      *transaction // nil: without
	turn     sync.Mutex   // one message at a time, whatever the partition
	marked   map[place]int64
	waiting  int
}

func (h *handler) Setup(session sarama.ConsumerGroupSession) error {
	h.assigned(len(session.Claims()[h.topic]))
	return nil
}

// The session's last commit comes after this: what was marked is committed, what was not is abandoned.
func (h *handler) Cleanup(session sarama.ConsumerGroupSession) error {
	h.turn.Lock()
	defer h.turn.Unlock()
	h.settle()
	h.abandon()
	h.revoked(len(session.Claims()[h.topic]))
	return nil
}

func (h *handler) settle() {
	if len(h.marked) > 0 {
		h.committed(h.marked)
		h.marked = map[place]int64{}
	}
	h.waiting = 0
}

func (h *handler) deadLetter(fate byte, message *sarama.ConsumerMessage) {
	copied := &sarama.ProducerMessage{Topic: h.deadLetters, Value: sarama.ByteEncoder(message.Value)}
	for _, one := range h.sourceHeaders(fate, place{message.Topic, int(message.Partition)}, message.Offset) {
		copied.Headers = append(copied.Headers, sarama.RecordHeader{Key: []byte(one.key), Value: one.value})
	}
	if _, _, err := h.producer.SendMessage(copied); err != nil {
		log.Fatalf("sarama_client: a dead letter was refused: %v", err)
	}
	h.deadLettered()
}

func (h *handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case message, isOpen := <-claim.Messages():
			if !isOpen {
				return nil
			}
			if err := h.handle(session, message); err != nil {
				return err
			}
		case <-session.Context().Done():
			return nil
		}
	}
}

func (h *handler) handle(session sarama.ConsumerGroupSession, message *sarama.ConsumerMessage) error {
	h.turn.Lock()
	defer h.turn.Unlock()
	if session.Context().Err() != nil {
		return nil
	}
	where := place{message.Topic, int(message.Partition)}
	switch fate := h.received(where, message.Offset, message.Value); fate {
	case 'e':
		return errFails
	case 'd', 'D':
		h.deadLetter(fate, message)
	}
	if h.txn != nil {
		if h.txn.add(message); h.txn.count == h.batch {
			h.txn.commit()
			h.marked[where] = message.Offset + 1
			h.settle()
		} else {
			h.marked[where] = message.Offset + 1
		}
		return nil
	}
	session.MarkMessage(message, "")
	h.marked[where] = message.Offset + 1
	h.waiting++
	if h.commit == "each" || h.commit == "batch" && h.waiting >= h.batch {
		commitNow(session)
		h.settle()
	}
	return nil
}

func main() {
	h := &handler{behaviour: newBehaviour("adDe", modes...), marked: map[place]int64{}}
	brokers := strings.Split(h.bootstrap, ",")
	config := sarama.NewConfig()
	if h.version != "" {
		version, err := sarama.ParseKafkaVersion(h.version)
		if err != nil {
			log.Fatal(err)
		}
		config.Version = version
	}
	if h.clientID != "" {
		config.ClientID = h.clientID
	}
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Consumer.MaxWaitTime = time.Duration(h.fetchWaitMs) * time.Millisecond
	config.Consumer.Group.Session.Timeout = time.Duration(h.sessionMs) * time.Millisecond
	config.Consumer.Group.Heartbeat.Interval = time.Duration(h.sessionMs/4) * time.Millisecond
	if h.sasl != "" {
		config.Net.SASL.Enable = true
		config.Net.SASL.User, config.Net.SASL.Password = testUser, testPassword
	}
	config.Producer.Return.Successes = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Compression = codecs[h.codec]
	configure(config, h.behaviour)
	producer, err := sarama.NewSyncProducer(brokers, config)
	if err != nil {
		log.Fatalf("sarama_client: no producer: %v", err)
	}
	h.producer = producer
	if h.commit == "transaction" {
		h.txn = newTransaction(h)
	}
	client, err := sarama.NewConsumerGroup(brokers, h.group, config)
	if err != nil {
		log.Fatalf("sarama_client: no member: %v", err)
	}
	running, cancel := context.WithCancel(context.Background())
	go func() {
		for !h.done() {
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
	}()
	for running.Err() == nil {
		if err := client.Consume(running, []string{h.topic}, h); err != nil {
			log.Printf("sarama_client: %v", err)
			time.Sleep(100 * time.Millisecond)
		}
	}
	if err := client.Close(); err != nil {
		log.Fatalf("sarama_client: leaving: %v", err)
	}
	producer.Close()
	h.end("sarama")
}
