/// A method of AMQP 0-9-1 (specification section 1.2 to 1.8) or one of RabbitMQ's extensions, with its fields.
/// Trivial to copy: strings and tables are `Text` slices of the method frame's payload. Ordered by class and method id.
package enum AMQPMethod: Sendable {
  // connection, class 10
  case connectionStart(AMQPStart)
  case connectionStartOk(AMQPStartOk)
  case connectionSecure(challenge: Text)
  case connectionSecureOk(response: Text)
  case connectionTune(AMQPTune)
  case connectionTuneOk(AMQPTune)
  case connectionOpen(vhost: Text)
  case connectionOpenOk
  case connectionClose(AMQPClose)
  case connectionCloseOk
  case connectionBlocked(reason: Text)
  case connectionUnblocked
  case connectionUpdateSecret(secret: Text, reason: Text)
  case connectionUpdateSecretOk
  // channel, class 20
  case channelOpen
  case channelOpenOk
  case channelFlow(active: Bool)
  case channelFlowOk(active: Bool)
  case channelClose(AMQPClose)
  case channelCloseOk
  // access, class 30: gone from 0-9-1, still answered by RabbitMQ
  case accessRequest(realm: Text)
  case accessRequestOk(ticket: UInt16)
  // exchange, class 40
  case exchangeDeclare(AMQPExchangeDeclare)
  case exchangeDeclareOk
  case exchangeDelete(exchange: Text, ifUnused: Bool, noWait: Bool)
  case exchangeDeleteOk
  case exchangeBind(AMQPExchangeBind)
  case exchangeBindOk
  case exchangeUnbind(AMQPExchangeBind)
  case exchangeUnbindOk
  // queue, class 50
  case queueDeclare(AMQPQueueDeclare)
  case queueDeclareOk(queue: Text, messages: UInt32, consumers: UInt32)
  case queueBind(AMQPQueueBind)
  case queueBindOk
  case queuePurge(queue: Text, noWait: Bool)
  case queuePurgeOk(messages: UInt32)
  case queueDelete(queue: Text, ifUnused: Bool, ifEmpty: Bool, noWait: Bool)
  case queueDeleteOk(messages: UInt32)
  /// `noWait` is always false: the method has no such bit.
  case queueUnbind(AMQPQueueBind)
  case queueUnbindOk
  // basic, class 60
  case basicQos(prefetchSize: UInt32, prefetchCount: UInt16, global: Bool)
  case basicQosOk
  case basicConsume(AMQPConsume)
  case basicConsumeOk(consumerTag: Text)
  /// From the server too: RabbitMQ's consumer cancel notification.
  case basicCancel(consumerTag: Text, noWait: Bool)
  case basicCancelOk(consumerTag: Text)
  case basicPublish(AMQPPublish)
  case basicReturn(AMQPReturn)
  case basicDeliver(AMQPDeliver)
  case basicGet(queue: Text, noAck: Bool)
  case basicGetOk(AMQPGetOk)
  case basicGetEmpty
  /// From the server it is a publisher confirm.
  case basicAck(deliveryTag: UInt64, multiple: Bool)
  case basicReject(deliveryTag: UInt64, requeue: Bool)
  case basicRecoverAsync(requeue: Bool)
  case basicRecover(requeue: Bool)
  case basicRecoverOk
  case basicNack(deliveryTag: UInt64, multiple: Bool, requeue: Bool)
  // confirm, class 85
  case confirmSelect(noWait: Bool)
  case confirmSelectOk
  // tx, class 90
  case txSelect
  case txSelectOk
  case txCommit
  case txCommitOk
  case txRollback
  case txRollbackOk
  /// A method id that neither the specification nor RabbitMQ knows.
  case unknown(classID: UInt16, methodID: UInt16)
}

package struct AMQPStart: Hashable, Sendable {
  package var major: UInt8
  package var minor: UInt8
  /// Table: `product`, `version`, `cluster_name`, `capabilities` and more.
  package var serverProperties: Text
  /// Space-separated.
  package var mechanisms: Text
  package var locales: Text
}

package struct AMQPStartOk: Hashable, Sendable {
  /// Table: `product`, `connection_name`, `capabilities` and more.
  package var clientProperties: Text
  package var mechanism: Text
  /// Credentials. Never kept, never shown.
  package var response: Text
  package var locale: Text
}

package struct AMQPTune: Hashable, Sendable {
  /// 0: no limit.
  package var channelMax: UInt16
  /// Largest frame with its header and end octet, in bytes; 0: no limit.
  package var frameMax_bytes: UInt32
  /// 0: no heartbeats.
  package var heartbeat_s: UInt16
}

/// Why a channel or a connection was closed; `classID` and `methodID` name the method that failed, 0 if none did.
package struct AMQPClose: Hashable, Sendable {
  package var code: UInt16
  package var reason: Text
  package var classID: UInt16
  package var methodID: UInt16
}

package struct AMQPExchangeDeclare: Hashable, Sendable {
  package var exchange: Text
  package var type: Text
  package var passive: Bool
  package var durable: Bool
  package var autoDelete: Bool
  package var `internal`: Bool
  package var noWait: Bool
  package var arguments: Text
}

/// RabbitMQ's binding of exchange to exchange.
package struct AMQPExchangeBind: Hashable, Sendable {
  package var destination: Text
  package var source: Text
  package var routingKey: Text
  package var noWait: Bool
  package var arguments: Text
}

package struct AMQPQueueDeclare: Hashable, Sendable {
  /// Empty: the server makes a name and tells it in declare-ok.
  package var queue: Text
  package var passive: Bool
  package var durable: Bool
  package var exclusive: Bool
  package var autoDelete: Bool
  package var noWait: Bool
  package var arguments: Text
}

package struct AMQPQueueBind: Hashable, Sendable {
  package var queue: Text
  package var exchange: Text
  package var routingKey: Text
  package var noWait: Bool
  package var arguments: Text
}

package struct AMQPConsume: Hashable, Sendable {
  /// Empty: the channel's last declared queue.
  package var queue: Text
  /// Empty: the server makes one and tells it in consume-ok.
  package var consumerTag: Text
  package var noLocal: Bool
  package var noAck: Bool
  package var exclusive: Bool
  package var noWait: Bool
  package var arguments: Text
}

package struct AMQPPublish: Hashable, Sendable {
  package var exchange: Text
  package var routingKey: Text
  package var mandatory: Bool
  package var immediate: Bool
}

package struct AMQPReturn: Hashable, Sendable {
  package var code: UInt16
  package var reason: Text
  package var exchange: Text
  package var routingKey: Text
}

package struct AMQPDeliver: Hashable, Sendable {
  package var deliveryTag: UInt64
  package var consumerTag: Text
  package var exchange: Text
  package var routingKey: Text
  package var redelivered: Bool
}

package struct AMQPGetOk: Hashable, Sendable {
  package var deliveryTag: UInt64
  package var exchange: Text
  package var routingKey: Text
  /// Messages left in the queue.
  package var messages: UInt32
  package var redelivered: Bool
}
