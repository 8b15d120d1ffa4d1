// swift-format-ignore-file
// Frames as hex, a comment for each field; strings in quotes. Field order: specification section 1, RabbitMQ's errata.

extension AMQPSample {
  /// What a client says; RabbitMQ's extensions included, one frame after another.
  static let client: [AMQPSample] = [
    AMQPSample(
      """
      'AMQP' 00 00 09 01  # protocol id 0, version 0-9-1
      """,
      "protocolHeader 0-9-1"),
    AMQPSample(
      """
      01 0000 00000062  # method frame, channel 0, 98 bytes
      000A 000B  # connection.start-ok
      0000003C 07 'product' 53 00000004 'Pika' 0C 'capabilities' 46 00000019 16 'consumer_cancel_notify' 74 01
      05 'PLAIN'  # mechanism
      0000000E 00 'user' 00 'SECRET-a'  # response
      05 'en_US'  # locale
      CE
      """,
      "0 connectionStartOk(clientProperties: {product: 'Pika', capabilities: {consumer_cancel_notify: true}}, mechanism: 'PLAIN', response: '\0user\0SECRET-a', locale: 'en_US')"),
    AMQPSample(
      """
      01 0000 00000010  # method frame, channel 0, 16 bytes
      000A 0015  # connection.secure-ok
      00000008 'SECRET-b'  # response
      CE
      """,
      "0 connectionSecureOk(response: 'SECRET-b')"),
    AMQPSample(
      """
      01 0000 0000000C  # method frame, channel 0, 12 bytes
      000A 001F  # connection.tune-ok
      07FF 00020000 000A  # channel-max 2047, frame-max 131072, heartbeat 10 s
      CE
      """,
      "0 connectionTuneOk(channelMax: 2047, frameMax_bytes: 131072, heartbeat_s: 10)"),
    AMQPSample(
      """
      01 0000 00000008  # method frame, channel 0, 8 bytes
      000A 0028  # connection.open
      01 '/'  # virtual host
      00  # reserved: capabilities
      01  # reserved: insist
      CE
      """,
      "0 connectionOpen(vhost: '/')"),
    AMQPSample(
      """
      01 0001 00000005  # method frame, channel 1, 5 bytes
      0014 000A  # channel.open
      00  # reserved: out of band
      CE
      """,
      "1 channelOpen"),
    AMQPSample(
      """
      01 0001 0000000B  # method frame, channel 1, 11 bytes
      001E 000A  # access.request
      05 '/data'  # realm
      1C  # active, write, read
      CE
      """,
      "1 accessRequest(realm: '/data')"),
    AMQPSample(
      """
      01 0001 00000005  # method frame, channel 1, 5 bytes
      0014 0015  # channel.flow-ok
      01  # active
      CE
      """,
      "1 channelFlowOk(active: true)"),
    AMQPSample(
      """
      01 0001 00000034  # method frame, channel 1, 52 bytes
      0028 000A  # exchange.declare
      0000  # reserved: ticket
      06 'orders' 05 'topic'  # exchange, type
      12  # durable (2), no-wait (16)
      0000001C 12 'alternate-exchange' 53 00000004 'lost'  # arguments
      CE
      """,
      "1 exchangeDeclare(exchange: 'orders', type: 'topic', passive: false, durable: true, autoDelete: false, internal: false, noWait: true, arguments: {alternate-exchange: 'lost'})"),
    AMQPSample(
      """
      01 0001 0000001B  # method frame, channel 1, 27 bytes
      0028 001E  # exchange.bind (RabbitMQ)
      0000 04 'copy' 06 'orders' 03 'a.#'  # ticket, destination, source, routing key
      01  # no-wait
      00000000   # arguments
      CE
      """,
      "1 exchangeBind(destination: 'copy', source: 'orders', routingKey: 'a.#', noWait: true, arguments: {})"),
    AMQPSample(
      """
      01 0001 0000001B  # method frame, channel 1, 27 bytes
      0028 0028  # exchange.unbind (RabbitMQ)
      0000 04 'copy' 06 'orders' 03 'a.#' 00 00000000
      CE
      """,
      "1 exchangeUnbind(destination: 'copy', source: 'orders', routingKey: 'a.#', noWait: false, arguments: {})"),
    AMQPSample(
      """
      01 0001 0000000C  # method frame, channel 1, 12 bytes
      0028 0014  # exchange.delete
      0000 04 'copy' 01  # ticket, exchange, if-unused
      CE
      """,
      "1 exchangeDelete(exchange: 'copy', ifUnused: true, noWait: false)"),
    AMQPSample(
      """
      01 0001 00000061  # method frame, channel 1, 97 bytes
      0032 000A  # queue.declare
      0000 08 'orders.q'  # ticket, queue
      02  # durable
      0000004D 16 'x-dead-letter-exchange' 53 00000003 'dlx'
      10 'x-delivery-limit' 49 00000003  # I: 32-bit
      0C 'x-queue-type' 53 00000006 'quorum'
      CE
      """,
      "1 queueDeclare(queue: 'orders.q', passive: false, durable: true, exclusive: false, autoDelete: false, noWait: false, arguments: {x-dead-letter-exchange: 'dlx', x-delivery-limit: 3, x-queue-type: 'quorum'})"),
    AMQPSample(
      """
      01 0001 0000001F  # method frame, channel 1, 31 bytes
      0032 0014  # queue.bind
      0000 08 'orders.q' 06 'orders' 03 'a.*' 00 00000000   # ticket, queue, exchange, routing key, no-wait, arguments
      CE
      """,
      "1 queueBind(queue: 'orders.q', exchange: 'orders', routingKey: 'a.*', noWait: false, arguments: {})"),
    AMQPSample(
      """
      01 0001 0000001E  # method frame, channel 1, 30 bytes
      0032 0032  # queue.unbind: no no-wait bit
      0000 08 'orders.q' 06 'orders' 03 'b.*' 00000000
      CE
      """,
      "1 queueUnbind(queue: 'orders.q', exchange: 'orders', routingKey: 'b.*', noWait: false, arguments: {})"),
    AMQPSample(
      """
      01 0001 00000010  # method frame, channel 1, 16 bytes
      0032 001E  # queue.purge
      0000 08 'orders.q' 00
      CE
      """,
      "1 queuePurge(queue: 'orders.q', noWait: false)"),
    AMQPSample(
      """
      01 0001 0000000B  # method frame, channel 1, 11 bytes
      0032 0028  # queue.delete
      0000 03 'old' 03  # if-unused, if-empty
      CE
      """,
      "1 queueDelete(queue: 'old', ifUnused: true, ifEmpty: true, noWait: false)"),
    AMQPSample(
      """
      01 0001 00000005  # method frame, channel 1, 5 bytes
      0055 000A 01  # confirm.select, no-wait
      CE
      """,
      "1 confirmSelect(noWait: true)"),
    AMQPSample(
      """
      01 0001 0000000B  # method frame, channel 1, 11 bytes
      003C 000A  # basic.qos
      00000000 00C8 00  # prefetch size, count 200, global
      CE
      """,
      "1 basicQos(prefetchSize: 0, prefetchCount: 200, global: false)"),
    AMQPSample(
      """
      01 0001 00000026  # method frame, channel 1, 38 bytes
      003C 0014  # basic.consume
      0000 08 'orders.q' 04 'ctag'  # ticket, queue, consumer tag
      02  # no-ack (2)
      0000000D 0A 'x-priority' 62 F6  # b: signed byte, -10
      CE
      """,
      "1 basicConsume(queue: 'orders.q', consumerTag: 'ctag', noLocal: false, noAck: true, exclusive: false, noWait: false, arguments: {x-priority: -10})"),
    AMQPSample(
      """
      01 0001 00000012  # method frame, channel 1, 18 bytes
      003C 0028  # basic.publish
      0000 06 'orders' 03 'a.b'  # ticket, exchange, routing key
      01  # mandatory
      CE
      """,
      "1 basicPublish(exchange: 'orders', routingKey: 'a.b', mandatory: true, immediate: false)"),
    AMQPSample(
      """
      02 0001 0000006F  # header frame, channel 1, 111 bytes
      003C 0000  # class basic, weight
      000000000000001B  # body size 27
      FFFC  # all 14 properties
      0A 'text/plain' 04 'gzip'  # content type, content encoding
      00000012 06 'source' 53 00000006 'till 7'  # headers
      02  # delivery mode: persistent
      09  # priority
      06 'corr-1' 09 'amq.reply' 05 '60000' 05 'msg-1'  # correlation id, reply to, expiration, message id
      0000000065A0BC80  # timestamp
      08 'order.v1' 04 'user' 04 'shop' 00   # type, user id, app id, cluster id
      CE
      """,
      "1 header(classID: 60, bodySize: 27, flags: 65532, contentType: 'text/plain', contentEncoding: 'gzip', headers: {source: 'till 7'}, deliveryMode: 2, priority: 9, correlationID: 'corr-1', replyTo: 'amq.reply', expiration: '60000', messageID: 'msg-1', timestamp_s: 1705032832, type: 'order.v1', userID: 'user', appID: 'shop', clusterID: '')"),
    AMQPSample(
      """
      03 0001 0000000F  # body frame, channel 1, 15 bytes
      'BODYSECRET-1234'
      CE
      """,
      "1 body 'BODYSECRET-1234'"),
    AMQPSample(
      """
      01 0002 00000005  # method frame, channel 2, 5 bytes
      0014 000A 00  # channel.open, between another channel's body frames
      CE
      """,
      "2 channelOpen"),
    AMQPSample(
      """
      03 0001 0000000C  # body frame, channel 1, 12 bytes
      'BODYSECRET-c'
      CE
      """,
      "1 body 'BODYSECRET-c'"),
    AMQPSample(
      """
      01 0001 0000000D  # method frame, channel 1, 13 bytes
      003C 0050 0000000000000001 01  # basic.ack, multiple
      CE
      """,
      "1 basicAck(deliveryTag: 1, multiple: true)"),
    AMQPSample(
      """
      01 0001 0000000D  # method frame, channel 1, 13 bytes
      003C 0078 0000000000000002 03  # basic.nack, multiple, requeue
      CE
      """,
      "1 basicNack(deliveryTag: 2, multiple: true, requeue: true)"),
    AMQPSample(
      """
      01 0001 0000000D  # method frame, channel 1, 13 bytes
      003C 005A 0000000000000003 01  # basic.reject, requeue
      CE
      """,
      "1 basicReject(deliveryTag: 3, requeue: true)"),
    AMQPSample(
      """
      01 0001 00000012  # method frame, channel 1, 18 bytes
      003C 0046  # basic.get
      0000 0A 'orders.dlq' 00  # ticket, queue, no-ack
      CE
      """,
      "1 basicGet(queue: 'orders.dlq', noAck: false)"),
    AMQPSample(
      """
      08 0000 00000000 CE  # heartbeat
      """,
      "heartbeat"),
    AMQPSample(
      """
      01 0001 00000005  # method frame, channel 1, 5 bytes
      003C 0064 01  # basic.recover-async, requeue
      CE
      """,
      "1 basicRecoverAsync(requeue: true)"),
    AMQPSample(
      """
      01 0001 00000005  # method frame, channel 1, 5 bytes
      003C 006E 01  # basic.recover, requeue
      CE
      """,
      "1 basicRecover(requeue: true)"),
    AMQPSample(
      """
      01 0002 00000004  # method frame, channel 2, 4 bytes
      005A 000A  # tx.select
      CE
      """,
      "2 txSelect"),
    AMQPSample(
      """
      01 0002 00000004  # method frame, channel 2, 4 bytes
      005A 0014  # tx.commit
      CE
      """,
      "2 txCommit"),
    AMQPSample(
      """
      01 0002 00000004  # method frame, channel 2, 4 bytes
      005A 001E  # tx.rollback
      CE
      """,
      "2 txRollback"),
    AMQPSample(
      """
      01 0001 0000000A  # method frame, channel 1, 10 bytes
      003C 001E  # basic.cancel
      04 'ctag' 00
      CE
      """,
      "1 basicCancel(consumerTag: 'ctag', noWait: false)"),
    AMQPSample(
      """
      01 0000 00000018  # method frame, channel 0, 24 bytes
      000A 0046  # connection.update-secret (RabbitMQ)
      00000008 'SECRET-f' 07 'expired'  # new secret, reason
      CE
      """,
      "0 connectionUpdateSecret(secret: 'SECRET-f', reason: 'expired')"),
    AMQPSample(
      """
      01 0001 00000004  # method frame, channel 1, 4 bytes
      0014 0029  # channel.close-ok
      CE
      """,
      "1 channelCloseOk"),
    AMQPSample(
      """
      01 0000 0000000E  # method frame, channel 0, 14 bytes
      000A 0032  # connection.close
      00C8 03 'bye' 0000 0000  # 200
      CE
      """,
      "0 connectionClose(code: 200, reason: 'bye', classID: 0, methodID: 0)"),
  ]
}
