// swift-format-ignore-file
// Frames as hex, a comment for each field; strings in quotes. Field order: specification section 1, RabbitMQ's errata.

extension AMQPSample {
  /// What a server says.
  static let server: [AMQPSample] = [
    AMQPSample(
      """
      01 0000 00000089  # method frame, channel 0, 137 bytes
      000A 000A  # connection.start
      00 09  # version 0-9
      00000064 0C 'cluster_name' 53 0000000B 'rabbit@host'  # S: string
      0C 'capabilities' 46 00000022 12 'publisher_confirms' 74 01  # t: bool
      0A 'basic.nack' 74 01  # F: table
      07 'version' 53 00000006 '3.10.8'
      0000000E 'AMQPLAIN PLAIN'  # mechanisms
      00000005 'en_US'  # locales
      CE
      """,
      "0 connectionStart(major: 0, minor: 9, serverProperties: {cluster_name: 'rabbit@host', capabilities: {publisher_confirms: true, basic.nack: true}, version: '3.10.8'}, mechanisms: 'AMQPLAIN PLAIN', locales: 'en_US')"),
    AMQPSample(
      """
      01 0000 0000000D  # method frame, channel 0, 13 bytes
      000A 0014  # connection.secure
      00000005 'more?'  # challenge
      CE
      """,
      "0 connectionSecure(challenge: 'more?')"),
    AMQPSample(
      """
      01 0000 0000000C  # method frame, channel 0, 12 bytes
      000A 001E  # connection.tune
      07FF  # channel-max 2047
      00020000  # frame-max 131072
      003C  # heartbeat 60 s
      CE
      """,
      "0 connectionTune(channelMax: 2047, frameMax_bytes: 131072, heartbeat_s: 60)"),
    AMQPSample(
      """
      01 0000 00000005  # method frame, channel 0, 5 bytes
      000A 0029  # connection.open-ok
      00  # reserved: known hosts
      CE
      """,
      "0 connectionOpenOk"),
    AMQPSample(
      """
      01 0001 00000008  # method frame, channel 1, 8 bytes
      0014 000B  # channel.open-ok
      00000000   # reserved: channel id
      CE
      """,
      "1 channelOpenOk"),
    AMQPSample(
      """
      01 0001 00000006  # method frame, channel 1, 6 bytes
      001E 000B  # access.request-ok
      0001  # ticket
      CE
      """,
      "1 accessRequestOk(ticket: 1)"),
    AMQPSample(
      """
      01 0001 00000005  # method frame, channel 1, 5 bytes
      0014 0014  # channel.flow
      00  # active: no
      CE
      """,
      "1 channelFlow(active: false)"),
    AMQPSample(
      """
      01 0001 00000004  # method frame, channel 1, 4 bytes
      0028 000B  # exchange.declare-ok
      CE
      """,
      "1 exchangeDeclareOk"),
    AMQPSample(
      """
      01 0001 00000004  # method frame, channel 1, 4 bytes
      0028 001F  # exchange.bind-ok
      CE
      """,
      "1 exchangeBindOk"),
    AMQPSample(
      """
      01 0001 00000004  # method frame, channel 1, 4 bytes
      0028 0033  # exchange.unbind-ok: 51, not 41
      CE
      """,
      "1 exchangeUnbindOk"),
    AMQPSample(
      """
      01 0001 00000004  # method frame, channel 1, 4 bytes
      0028 0015  # exchange.delete-ok
      CE
      """,
      "1 exchangeDeleteOk"),
    AMQPSample(
      """
      01 0001 00000015  # method frame, channel 1, 21 bytes
      0032 000B  # queue.declare-ok
      08 'orders.q' 00000007 00000002  # queue, messages, consumers
      CE
      """,
      "1 queueDeclareOk(queue: 'orders.q', messages: 7, consumers: 2)"),
    AMQPSample(
      """
      01 0001 00000004  # method frame, channel 1, 4 bytes
      0032 0015  # queue.bind-ok
      CE
      """,
      "1 queueBindOk"),
    AMQPSample(
      """
      01 0001 00000004  # method frame, channel 1, 4 bytes
      0032 0033  # queue.unbind-ok
      CE
      """,
      "1 queueUnbindOk"),
    AMQPSample(
      """
      01 0001 00000008  # method frame, channel 1, 8 bytes
      0032 001F 00000005  # queue.purge-ok, messages
      CE
      """,
      "1 queuePurgeOk(messages: 5)"),
    AMQPSample(
      """
      01 0001 00000008  # method frame, channel 1, 8 bytes
      0032 0029 00000000  # queue.delete-ok
      CE
      """,
      "1 queueDeleteOk(messages: 0)"),
    AMQPSample(
      """
      01 0001 00000004  # method frame, channel 1, 4 bytes
      0055 000B  # confirm.select-ok
      CE
      """,
      "1 confirmSelectOk"),
    AMQPSample(
      """
      01 0001 00000004  # method frame, channel 1, 4 bytes
      003C 000B  # basic.qos-ok
      CE
      """,
      "1 basicQosOk"),
    AMQPSample(
      """
      01 0001 00000009  # method frame, channel 1, 9 bytes
      003C 0015  # basic.consume-ok
      04 'ctag'
      CE
      """,
      "1 basicConsumeOk(consumerTag: 'ctag')"),
    AMQPSample(
      """
      01 0002 00000008  # method frame, channel 2, 8 bytes
      0014 000B 00000000
      CE
      """,
      "2 channelOpenOk"),
    AMQPSample(
      """
      01 0001 0000001A  # method frame, channel 1, 26 bytes
      003C 0032  # basic.return
      0138 08 'NO_ROUTE' 06 'orders' 03 'a.b'  # 312
      CE
      """,
      "1 basicReturn(code: 312, reason: 'NO_ROUTE', exchange: 'orders', routingKey: 'a.b')"),
    AMQPSample(
      """
      02 0001 0000000E  # header frame, channel 1, 14 bytes
      003C 0000 0000000000000000 0000  # no body, no properties
      CE
      """,
      "1 header(classID: 60, bodySize: 0, flags: 0, contentType: '', contentEncoding: '', headers: {}, deliveryMode: 0, priority: nil, correlationID: '', replyTo: '', expiration: '', messageID: '', timestamp_s: nil, type: '', userID: '', appID: '', clusterID: '')"),
    AMQPSample(
      """
      01 0001 0000000D  # method frame, channel 1, 13 bytes
      003C 0050 0000000000000001 00  # basic.ack: a publisher confirm
      CE
      """,
      "1 basicAck(deliveryTag: 1, multiple: false)"),
    AMQPSample(
      """
      01 0001 0000000D  # method frame, channel 1, 13 bytes
      003C 0078 0000000000000002 00  # basic.nack: a negative confirm
      CE
      """,
      "1 basicNack(deliveryTag: 2, multiple: false, requeue: false)"),
    AMQPSample(
      """
      01 0001 0000001D  # method frame, channel 1, 29 bytes
      003C 003C  # basic.deliver
      04 'ctag'  # consumer tag
      0000000000000001  # delivery tag
      01  # redelivered
      06 'orders' 03 'a.b'
      CE
      """,
      "1 basicDeliver(deliveryTag: 1, consumerTag: 'ctag', exchange: 'orders', routingKey: 'a.b', redelivered: true)"),
    AMQPSample(
      """
      02 0001 0000010A  # header frame, channel 1, 266 bytes
      003C 0000 000000000000000C 2000  # body size 12, headers
      000000F8 01 't' 74 01  # bool
      01 'b' 62 FF  # signed byte
      01 'B' 42 FF  # unsigned byte
      01 's' 73 8000  # RabbitMQ: signed 16 bit
      01 'u' 75 FFFF  # unsigned 16 bit
      01 'I' 49 FFFFFFFE  # signed 32 bit
      01 'i' 69 FFFFFFFE  # unsigned 32 bit
      01 'l' 6C FFFFFFFFFFFFFFFD  # signed 64 bit
      01 'L' 4C 0000000000000007  # 64 bit
      01 'M' 4C FFFFFFFFFFFFFFFF  # 64 bit, too large for signed
      01 'f' 66 3FC00000  # float
      01 'd' 64 C004000000000000  # double
      01 'D' 44 02 0000007B  # decimal 1.23
      01 'S' 53 00000004 'text'
      01 'x' 78 00000002 00FF  # bytes
      01 'T' 54 0000000065A0BC80
      01 'V' 56  # void
      01 'A' 41 00000012 49 00000001 53 00000003 'two' 41 00000000  # array
      01 'F' 46 0000000A 01 'k' 46 00000003 01 'n' 56  # table in a table
      0F 'timestamp_in_ms' 6C 0000018CFA3CD4A1
      10 'x-delivery-count' 6C 0000000000000002
      10 'x-acquired-count' 6C 0000000000000003
      CE
      """,
      "1 header(classID: 60, bodySize: 12, flags: 8192, contentType: '', contentEncoding: '', headers: {t: true, b: -1, B: 255, s: -32768, u: 65535, I: -2, i: 4294967294, l: -3, L: 7, M: 18446744073709551615, f: 1.5, d: -2.5, D: 123e-2, S: 'text', x: x'00ff', T: T1705032832, V: void, A: [1, 'two', []], F: {k: {n: void}}, timestamp_in_ms: 1705005339809, x-delivery-count: 2, x-acquired-count: 3}, deliveryMode: 0, priority: nil, correlationID: '', replyTo: '', expiration: '', messageID: '', timestamp_s: nil, type: '', userID: '', appID: '', clusterID: '')"),
    AMQPSample(
      """
      03 0001 0000000C  # body frame, channel 1, 12 bytes
      'BODYSECRET-d'
      CE
      """,
      "1 body 'BODYSECRET-d'"),
    AMQPSample(
      """
      01 0001 0000001D  # method frame, channel 1, 29 bytes
      003C 0047  # basic.get-ok
      0000000000000002 00  # delivery tag, redelivered
      00  0A 'orders.dlq' 0000002F  # exchange, routing key, messages left
      CE
      """,
      "1 basicGetOk(deliveryTag: 2, exchange: '', routingKey: 'orders.dlq', messages: 47, redelivered: false)"),
    AMQPSample(
      """
      02 0001 0000019C  # header frame, channel 1, 412 bytes
      003C 0000 0000000000000008 A040  # content type, headers, timestamp
      03 'a/b'
      0000017E 07 'x-death' 41 0000010C # array of tables, latest death first
      46 00000079 05 'count' 6C 0000000000000002
      06 'reason' 53 00000008 'rejected'
      05 'queue' 53 00000008 'orders.q'
      04 'time' 54 0000000065A0BC80
      08 'exchange' 53 00000006 'orders'
      0C 'routing-keys' 41 0000000F 53 00000003 'a.b' 53 00000002 'cc'
      46 00000089 05 'count' 6C 0000000000000001
      06 'reason' 53 00000007 'expired'
      05 'queue' 53 00000006 'wait.q'
      04 'time' 54 0000000065A0BC00
      08 'exchange' 53 00000000
      0C 'routing-keys' 41 0000000B 53 00000006 'wait.q'
      13 'original-expiration' 53 00000004 '5000'
      16 'x-first-death-exchange' 53 00000006 'orders'
      13 'x-first-death-queue' 53 00000008 'orders.q'
      14 'x-first-death-reason' 53 00000008 'rejected'
      0000000065A0BC81  # timestamp
      CE
      """,
      "1 header(classID: 60, bodySize: 8, flags: 41024, contentType: 'a/b', contentEncoding: '', headers: {x-death: [{count: 2, reason: 'rejected', queue: 'orders.q', time: T1705032832, exchange: 'orders', routing-keys: ['a.b', 'cc']}, {count: 1, reason: 'expired', queue: 'wait.q', time: T1705032704, exchange: '', routing-keys: ['wait.q'], original-expiration: '5000'}], x-first-death-exchange: 'orders', x-first-death-queue: 'orders.q', x-first-death-reason: 'rejected'}, deliveryMode: 0, priority: nil, correlationID: '', replyTo: '', expiration: '', messageID: '', timestamp_s: 1705032833, type: '', userID: '', appID: '', clusterID: '')"),
    AMQPSample(
      """
      03 0001 00000008  # body frame, channel 1, 8 bytes
      'SECRET-e'
      CE
      """,
      "1 body 'SECRET-e'"),
    AMQPSample(
      """
      01 0001 00000005  # method frame, channel 1, 5 bytes
      003C 0048 00  # basic.get-empty, reserved
      CE
      """,
      "1 basicGetEmpty"),
    AMQPSample(
      """
      08 0000 00000000 CE  # heartbeat
      """,
      "heartbeat"),
    AMQPSample(
      """
      01 0001 00000004  # method frame, channel 1, 4 bytes
      003C 006F  # basic.recover-ok
      CE
      """,
      "1 basicRecoverOk"),
    AMQPSample(
      """
      01 0002 00000004  # method frame, channel 2, 4 bytes
      005A 000B
      CE
      """,
      "2 txSelectOk"),
    AMQPSample(
      """
      01 0002 00000004  # method frame, channel 2, 4 bytes
      005A 0015
      CE
      """,
      "2 txCommitOk"),
    AMQPSample(
      """
      01 0002 00000004  # method frame, channel 2, 4 bytes
      005A 001F
      CE
      """,
      "2 txRollbackOk"),
    AMQPSample(
      """
      01 0001 0000000A  # method frame, channel 1, 10 bytes
      003C 001E  # basic.cancel from the server: the queue is gone
      04 'ctag' 01  # consumer tag, no-wait
      CE
      """,
      "1 basicCancel(consumerTag: 'ctag', noWait: true)"),
    AMQPSample(
      """
      01 0001 00000009  # method frame, channel 1, 9 bytes
      003C 001F  # basic.cancel-ok
      04 'ctag'
      CE
      """,
      "1 basicCancelOk(consumerTag: 'ctag')"),
    AMQPSample(
      """
      01 0000 00000012  # method frame, channel 0, 18 bytes
      000A 003C  # connection.blocked (RabbitMQ)
      0D 'low on memory'
      CE
      """,
      "0 connectionBlocked(reason: 'low on memory')"),
    AMQPSample(
      """
      01 0000 00000004  # method frame, channel 0, 4 bytes
      000A 003D  # connection.unblocked
      CE
      """,
      "0 connectionUnblocked"),
    AMQPSample(
      """
      01 0000 00000004  # method frame, channel 0, 4 bytes
      000A 0047
      CE
      """,
      "0 connectionUpdateSecretOk"),
    AMQPSample(
      """
      01 0001 0000001E  # method frame, channel 1, 30 bytes
      0014 0028  # channel.close
      0196 13 'PRECONDITION_FAILED' 003C 0050  # 406, reason, class and method that failed
      CE
      """,
      "1 channelClose(code: 406, reason: 'PRECONDITION_FAILED', classID: 60, methodID: 80)"),
    AMQPSample(
      """
      01 0000 00000004  # method frame, channel 0, 4 bytes
      000A 0033  # connection.close-ok
      CE
      """,
      "0 connectionCloseOk"),
  ]
}
