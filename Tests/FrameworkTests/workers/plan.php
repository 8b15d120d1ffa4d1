<?php
// What plan.py does, for the workers in PHP.

const TRIES = 4;

class Failed extends RuntimeException
{
}

class Plan
{
    public int $port;
    public string $queue;
    public int $messages;
    public int $first;
    public int $prefetch;
    public array $options;
    private string $directory;
    private $journal;

    public function __construct()
    {
        $told = json_decode(getenv('FRAMEWORK'), true);
        foreach (['port', 'queue', 'messages', 'first', 'prefetch', 'directory', 'options'] as $name) {
            $this->$name = $told[$name];
        }
        $this->journal = fopen("$this->directory/journal", 'a');
    }

    public function note(string $event, int $number): void
    {
        fwrite($this->journal, "$event $number\n");
    }

    public function tried(int $number): int
    {
        $path = "$this->directory/tries-$number";
        file_put_contents($path, '.', FILE_APPEND);
        clearstatcache();
        $this->note('try', $number);

        return filesize($path);
    }

    public function fails(int $number, int $tries): bool
    {
        if ($this->options['healthy'] ?? false) {
            return false;
        }

        return ($this->options['all_fail'] ?? false) || 1 === $number % 5 || 2 === $number % 5 && $tries <= 2;
    }

    public function handle(int $number): void
    {
        if ($this->fails($number, $this->tried($number))) {
            throw new Failed("message $number failed");
        }
    }

    /** The numbers of the messages to publish. */
    public function numbers(): array
    {
        return range($this->first, $this->first + $this->messages - 1);
    }
}
