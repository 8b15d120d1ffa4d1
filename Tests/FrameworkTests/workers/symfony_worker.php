<?php
// Symfony Messenger with its AMQP transport. Options: failed (a failure transport; else a final failure is only
// rejected), json (Symfony's serializer, with stamps as headers; else PHP's own, with stamps in the body), follow
// (control: a handler enqueues a follow-up job, every third delayed).

require_once __DIR__.'/plan.php';
require_once '/usr/share/php/Symfony/Component/Messenger/autoload.php';
require_once '/usr/share/php/Symfony/Component/Messenger/Bridge/Amqp/autoload.php';
require_once '/usr/share/php/Symfony/Component/EventDispatcher/autoload.php';
require_once '/usr/share/php/Symfony/Component/PropertyAccess/autoload.php';
require_once '/usr/share/php/Symfony/Component/Serializer/autoload.php';

use Psr\Container\ContainerInterface;
use Symfony\Component\EventDispatcher\EventDispatcher;
use Symfony\Component\Messenger\Bridge\Amqp\Transport\AmqpTransportFactory;
use Symfony\Component\Messenger\Envelope;
use Symfony\Component\Messenger\Event\WorkerMessageFailedEvent;
use Symfony\Component\Messenger\Event\WorkerMessageHandledEvent;
use Symfony\Component\Messenger\Event\WorkerRunningEvent;
use Symfony\Component\Messenger\EventListener\SendFailedMessageForRetryListener;
use Symfony\Component\Messenger\EventListener\SendFailedMessageToFailureTransportListener;
use Symfony\Component\Messenger\Handler\HandlersLocator;
use Symfony\Component\Messenger\MessageBus;
use Symfony\Component\Messenger\Middleware\HandleMessageMiddleware;
use Symfony\Component\Messenger\Retry\MultiplierRetryStrategy;
use Symfony\Component\Messenger\Stamp\DelayStamp;
use Symfony\Component\Messenger\Transport\Serialization\PhpSerializer;
use Symfony\Component\Messenger\Transport\Serialization\Serializer;
use Symfony\Component\Messenger\Worker;

class UpdatePrice
{
    public int $number;

    public function __construct(int $number)
    {
        $this->number = $number;
    }
}

class One implements ContainerInterface
{
    private $found;

    public function __construct($found)
    {
        $this->found = $found;
    }

    public function get($id)
    {
        return $this->found;
    }

    public function has($id): bool
    {
        return true;
    }
}

$plan = new Plan();

function transport(Plan $plan, string $name)
{
    return (new AmqpTransportFactory())->createTransport("amqp://guest:guest@127.0.0.1:$plan->port/%2f/$name", [
        'exchange' => ['name' => $name, 'type' => 'fanout'],
        'queues' => [$name => null],
        'delay' => ['exchange_name' => "$plan->queue.delays"],
    ], ($plan->options['json'] ?? false) ? new Serializer() : new PhpSerializer());
}

$transport = transport($plan, $plan->queue);
if ('publish' === ($argv[1] ?? '')) {
    $transport->setup();
    foreach ($plan->numbers() as $number) {
        $transport->send(new Envelope(new UpdatePrice($number)));
    }
    exit(0);
}

$handler = function (UpdatePrice $message) use ($plan, $transport) {
    $plan->handle($message->number);
    $half = intdiv($plan->messages, 2);
    if (($plan->options['follow'] ?? false) && $message->number < $half) {
        $stamps = 0 === $message->number % 3 ? [new DelayStamp(300)] : [];
        $transport->send(new Envelope(new UpdatePrice($message->number + $half), $stamps));
    }
};
$bus = new MessageBus([new HandleMessageMiddleware(new HandlersLocator([UpdatePrice::class => [$handler]]))]);
$dispatcher = new EventDispatcher();
$senders = new One($transport);
$strategies = new One(new MultiplierRetryStrategy(TRIES - 1, 300, 1));
$dispatcher->addSubscriber(new SendFailedMessageForRetryListener($senders, $strategies));
if ($plan->options['failed'] ?? false) {
    $failed = new One(transport($plan, "$plan->queue.failed"));
    $dispatcher->addSubscriber(new SendFailedMessageToFailureTransportListener($failed));
}
$dispatcher->addListener(WorkerMessageHandledEvent::class, function ($event) use ($plan) {
    $plan->note('success', $event->getEnvelope()->getMessage()->number);
});
// After the listeners that send the copies.
$dispatcher->addListener(WorkerMessageFailedEvent::class, function ($event) use ($plan) {
    $plan->note($event->willRetry() ? 'retry' : 'failure', $event->getEnvelope()->getMessage()->number);
}, -200);
$stop = false;
pcntl_async_signals(true);
pcntl_signal(SIGTERM, function () use (&$stop) { $stop = true; });
$dispatcher->addListener(WorkerRunningEvent::class, function ($event) use (&$stop) {
    if ($stop) {
        $event->getWorker()->stop();
    }
});
(new Worker([$plan->queue => $transport], $bus, $dispatcher))->run(['sleep' => 100000]);
