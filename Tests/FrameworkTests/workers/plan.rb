# What plan.py does, for the workers in Ruby.

require "json"

TRIES = 4

class Failed < StandardError
end

class Plan
  attr_reader :port, :queue, :messages, :prefetch, :options, :numbers

  def initialize
    told = JSON.parse(ENV.fetch("FRAMEWORK"))
    @port, @queue, @messages = told.values_at("port", "queue", "messages")
    @prefetch, @options, @directory = told.values_at("prefetch", "options", "directory")
    @numbers = told["first"]...(told["first"] + @messages)
    @journal = File.open(File.join(@directory, "journal"), "a")
    @journal.sync = true
  end

  def note(event, number)
    @journal.write("#{event} #{number}\n")
  end

  def tried(number)
    path = File.join(@directory, "tries-#{number}")
    File.open(path, "a") { |file| file.write(".") }
    note("try", number)
    File.size(path)
  end

  def fails?(number, tries)
    return false if @options["healthy"]

    @options["all_fail"] || number % 5 == 1 || number % 5 == 2 && tries <= 2
  end

  def handle(number)
    raise Failed, "message #{number} failed" if fails?(number, tried(number))
  end
end
