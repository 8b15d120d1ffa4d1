# Bunny. Options: `how`:
#
#   copy     by hand: a failure is published to the own queue with the same message id and x-retries + 1, then acked; a
#            final failure is rejected into the queue's dead-letter exchange
#   maxretry after Sneakers' Maxretry handler (imitated): a failure is rejected into the exchange Q-retry, whose queue
#            (TTL) returns it through Q-retry-requeue; when x-death counts three, it is published to Q-error and acked

require "bunny"
require "securerandom"
require_relative "plan"

plan = Plan.new
how = plan.options.fetch("how")
queue_name = plan.queue
connection = Bunny.new(host: "127.0.0.1", port: plan.port, heartbeat: 60, logger: Logger.new(File::NULL))
connection.start
channel = connection.create_channel
if how == "maxretry"
  retries = channel.fanout("#{queue_name}-retry", durable: true)
  errors = channel.fanout("#{queue_name}-error", durable: true)
  again = channel.fanout("#{queue_name}-retry-requeue", durable: true)
  waiting = { "x-dead-letter-exchange" => again.name, "x-message-ttl" => 300 }
  channel.queue("#{queue_name}-retry", durable: true, arguments: waiting).bind(retries)
  channel.queue("#{queue_name}-error", durable: true).bind(errors)
  queue = channel.queue(queue_name, durable: true, arguments: { "x-dead-letter-exchange" => retries.name })
  queue.bind(again)
else
  dead = channel.fanout("#{queue_name}.dead", durable: true)
  channel.queue("#{queue_name}.dead", durable: true).bind(dead)
  queue = channel.queue(queue_name, durable: true, arguments: { "x-dead-letter-exchange" => dead.name })
end
exchange = channel.default_exchange

if ARGV[0] == "publish"
  plan.numbers.each do |number|
    exchange.publish(
      JSON.generate(number: number), routing_key: queue_name, message_id: SecureRandom.uuid, persistent: true,
      content_type: "application/json"
    )
  end
  connection.close
  exit
end

channel.prefetch(plan.prefetch)
consumer = queue.subscribe(manual_ack: true) do |delivery, properties, body|
  number = JSON.parse(body)["number"]
  headers = properties.headers || {}
  begin
    plan.handle(number)
    channel.ack(delivery.delivery_tag)
    event = "success"
  rescue Failed => e
    deaths = (headers["x-death"] || []).select { |death| death["queue"] == queue_name }.sum { |death| death["count"] }
    count = how == "maxretry" ? deaths : headers.fetch("x-retries", 0)
    final = count + 1 >= TRIES
    event = final ? "failure" : "retry"
    if how == "maxretry" && !final
      channel.reject(delivery.delivery_tag, false)
    elsif how == "maxretry"
      errors.publish(body, headers: headers.merge("error" => e.message), message_id: properties.message_id)
      channel.ack(delivery.delivery_tag)
    elsif final
      channel.reject(delivery.delivery_tag, false)
    else
      exchange.publish(
        body, routing_key: queue_name, headers: headers.merge("x-retries" => count + 1), message_id:
        properties.message_id, content_type: properties.content_type, persistent: true
      )
      channel.ack(delivery.delivery_tag)
    end
  end
  plan.note(event, number)
end

ended = false
Signal.trap("TERM") { ended = true }
sleep 0.1 until ended
consumer.cancel
connection.close
