// A member of a consumer group on sarama that behaves as told and says what it did.
//
//	sarama_consumer BOOTSTRAP TOPIC GROUP COUNT PLAN
//
// PLAN's letters, by the number in a message's body: a it succeeds; d it goes to TOPIC.DLT with source headers, D with the body
// alone. sarama commits by itself what was marked, once a second and when the session ends. On its end it prints one JSON
// line, the truth in the report's terms.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"log"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/Shopify/sarama"
)

type handler struct {
	producer sarama.SyncProducer
	plan     string
	group    string
	left     int
	cancel   context.CancelFunc
	mutex    sync.Mutex
	counts   map[string]int
}

func (h *handler) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (h *handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func big(value uint64, bytes int) []byte {
	buffer := make([]byte, 8)
	binary.BigEndian.PutUint64(buffer, value)
	return buffer[8-bytes:]
}

func (h *handler) deadLetter(message *sarama.ConsumerMessage, marked bool) {
	copied := &sarama.ProducerMessage{Topic: message.Topic + ".DLT", Value: sarama.ByteEncoder(message.Value)}
	if marked {
		copied.Headers = []sarama.RecordHeader{
			{Key: []byte("kafka_dlt-original-topic"), Value: []byte(message.Topic)},
			{Key: []byte("kafka_dlt-original-partition"), Value: big(uint64(message.Partition), 4)},
			{Key: []byte("kafka_dlt-original-offset"), Value: big(uint64(message.Offset), 8)},
			{Key: []byte("kafka_dlt-original-consumer-group"), Value: []byte(h.group)},
		}
	}
	if _, _, err := h.producer.SendMessage(copied); err != nil {
		log.Fatalf("sarama_consumer: a dead letter was refused: %v", err)
	}
}

func (h *handler) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		h.mutex.Lock()
		number, _ := strconv.Atoi(string(message.Value[:9]))
		h.counts["delivered"]++
		if fate := h.plan[number%len(h.plan)]; fate == 'a' {
			h.counts["acked"]++
		} else {
			h.deadLetter(message, fate == 'd')
			h.counts["dead_lettered"]++
			h.counts["acked_paired"]++
		}
		session.MarkMessage(message, "")
		h.left--
		if h.left == 0 {
			h.cancel()
		}
		h.mutex.Unlock()
	}
	return nil
}

func main() {
	brokers, topic, group := strings.Split(os.Args[1], ","), os.Args[2], os.Args[3]
	count, _ := strconv.Atoi(os.Args[4])
	config := sarama.NewConfig()
	config.Version = sarama.V2_0_0_0
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	config.Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducer(brokers, config)
	if err != nil {
		log.Fatalf("sarama_consumer: no producer: %v", err)
	}
	client, err := sarama.NewConsumerGroup(brokers, group, config)
	if err != nil {
		log.Fatalf("sarama_consumer: no member: %v", err)
	}
	running, cancel := context.WithCancel(context.Background())
	h := &handler{producer: producer, plan: os.Args[5], group: group, left: count, cancel: cancel, counts: map[string]int{}}
	for running.Err() == nil {
		if err := client.Consume(running, []string{topic}, h); err != nil {
			log.Fatalf("sarama_consumer: %v", err)
		}
	}
	if err := client.Close(); err != nil {
		log.Fatalf("sarama_consumer: leaving: %v", err)
	}
	producer.Close()
	_ = json.NewEncoder(os.Stdout).Encode(h.counts)
}
