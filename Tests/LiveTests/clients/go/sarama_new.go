// What later ones can do.
package main

import (
	"log"
	"time"

	sarama "SARAMA"
)

var modes = []string{"auto", "each", "batch", "transaction"}

func commitNow(session sarama.ConsumerGroupSession) { session.Commit() }

func configure(config *sarama.Config, b *behaviour) {
	if b.commit == "transaction" {
		config.Producer.Idempotent = true
		config.Producer.Transaction.ID = b.group + "-transactions"
		config.Net.MaxOpenRequests = 1
		config.Consumer.IsolationLevel = sarama.ReadCommitted
	}
	config.Consumer.Offsets.AutoCommit.Enable = b.commit == "auto"
	config.Consumer.Offsets.AutoCommit.Interval = 200 * time.Millisecond
	strategy := sarama.NewBalanceStrategyRange()
	switch b.assignor {
	case "roundrobin":
		strategy = sarama.NewBalanceStrategyRoundRobin()
	case "sticky":
		strategy = sarama.NewBalanceStrategySticky()
	}
	config.Consumer.Group.Rebalance.GroupStrategies = []sarama.BalanceStrategy{strategy}
}

// Consume, produce, commit: all of a batch or nothing.
type transaction struct {
	*handler
	count int
}

func newTransaction(h *handler) *transaction { return &transaction{handler: h} }

func (t *transaction) must(what string, err error) {
	if err != nil {
		log.Fatalf("sarama_client: %s: %v", what, err)
	}
}

func (t *transaction) add(message *sarama.ConsumerMessage) {
	if t.count == 0 {
		t.must("begin", t.producer.BeginTxn())
	}
	t.count++
	_, _, err := t.producer.SendMessage(&sarama.ProducerMessage{Topic: t.topic + ".out", Value: sarama.ByteEncoder(message.Value)})
	t.must("produce", err)
	t.must("offsets", t.producer.AddMessageToTxn(message, t.group, nil))
}

func (t *transaction) commit() {
	t.must("commit", t.producer.CommitTxn())
	t.count = 0
}
