// What sarama 1.22 (Debian 12) lacks.
package main

import sarama "SARAMA"

var modes = []string{"auto"}

func commitNow(sarama.ConsumerGroupSession) {}

func configure(config *sarama.Config, b *behaviour) {
	if b.version == "" {
		config.Version = sarama.V2_0_0_0
	}
}

type transaction struct{ count int }

func newTransaction(*handler) *transaction       { return nil }
func (*transaction) add(*sarama.ConsumerMessage) {}
func (*transaction) commit()                     {}
