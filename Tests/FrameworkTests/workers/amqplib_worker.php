<?php
// php-amqplib with retries by hand: a failure is published to Q.retry (TTL, returns to Q) with the same message id and
// x-retry-count + 1, then acked; a final failure is published to Q.failed with x-error, then acked.

require_once __DIR__.'/plan.php';
require_once '/usr/share/php/PhpAmqpLib/autoload.php';

use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Exception\AMQPTimeoutException;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

$plan = new Plan();
$queue = $plan->queue;
$connection = new AMQPStreamConnection('127.0.0.1', $plan->port, 'guest', 'guest');
$channel = $connection->channel();
$channel->queue_declare($queue, false, true, false, false);
$channel->queue_declare("$queue.failed", false, true, false, false);
$channel->queue_declare("$queue.retry", false, true, false, false, false, new AMQPTable([
    'x-message-ttl' => 300, 'x-dead-letter-exchange' => '', 'x-dead-letter-routing-key' => $queue,
]));

if ('publish' === ($argv[1] ?? '')) {
    foreach ($plan->numbers() as $number) {
        $properties = ['message_id' => bin2hex(random_bytes(16)), 'content_type' => 'application/json', 'delivery_mode'
        => 2]; $channel->basic_publish(new AMQPMessage(json_encode(['number' => $number]), $properties), '', $queue);
    }
    $connection->close();
    exit(0);
}

$channel->basic_qos(null, $plan->prefetch, null);
$channel->basic_consume($queue, '', false, false, false, false, function (AMQPMessage $message) use ($plan, $channel,
    $queue) { $number = json_decode($message->getBody(), true)['number'];
    try {
        $plan->handle($number);
        $event = 'success';
    } catch (Failed $problem) {
        $headers = $message->has('application_headers') ? $message->get('application_headers')->getNativeData() : [];
        $retries = $headers['x-retry-count'] ?? 0;
        $final = $retries + 1 >= TRIES;
        $event = $final ? 'failure' : 'retry';
        $extra = $final ? ['x-error' => $problem->getMessage()] : ['x-retry-count' => $retries + 1];
        $properties = ['application_headers' => new AMQPTable($extra)] + $message->get_properties();
        $channel->basic_publish(new AMQPMessage($message->getBody(), $properties), '', $final ? "$queue.failed" :
    "$queue.retry"); }
    $message->ack();
    $plan->note($event, $number);
});
$stop = false;
pcntl_async_signals(true);
pcntl_signal(SIGTERM, function () use (&$stop) { $stop = true; });
while (!$stop) {
    try {
        $channel->wait(null, false, 0.2);
    } catch (AMQPTimeoutException $nothing) {
    }
}
$channel->close();
$connection->close();
