// What the Go clients of Kafka share: the part of kafka_behaviour.py's command line and plan that they can do, and the count
// of what they did.
//
//	--plan's letters: a it succeeds; d it goes to the dead-letter topic with source headers, D with the body alone;
//	e the application fails once, in the way that the client's file tells, and succeeds when it comes again
//
// On its end a client prints one JSON line, the truth in the report's terms.
package main

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const testUser, testPassword = "test-user", "test-password"

type place struct {
	topic     string
	partition int
}

type behaviour struct {
	bootstrap, topic, group, deadLetters, plan, commit, clientID, codec, version, assignor, sasl string
	count, batch, idleMs, sessionMs, fetchWaitMs                                                 int
	delayMs                                                                                      float64

	mutex    sync.Mutex
	counts   map[string]int
	given    map[place]map[int64]bool // delivered and not yet settled; true: its end is a dead letter
	failed   map[place]map[int64]bool
	seen     map[int]bool
	settled  int
	last     time.Time
	stopping chan struct{}
	journal  *os.File
	linked   bool
}

var terms = []string{
	"delivered", "refetched", "acked", "acked_paired", "requeued", "dead_lettered", "abandoned", "commits",
	"commit_failures", "assignments", "assigned", "revoked", "lost",
}

// Reads the command line. `letters`: what the client can do of --plan; `modes`: of --commit, the first is the default.
func newBehaviour(letters string, modes ...string) *behaviour {
	b := &behaviour{
		counts: map[string]int{}, given: map[place]map[int64]bool{}, failed: map[place]map[int64]bool{},
		seen: map[int]bool{}, stopping: make(chan struct{}), last: time.Now(),
	}
	for _, term := range terms {
		b.counts[term] = 0
	}
	var logPath string
	flag.StringVar(&b.bootstrap, "bootstrap", "", "where the broker is")
	flag.StringVar(&b.topic, "topic", "", "what to read")
	flag.StringVar(&b.group, "group", "", "the consumer group")
	flag.StringVar(&b.deadLetters, "dead-letters", "", "the dead-letter topic (TOPIC.DLT)")
	flag.StringVar(&b.plan, "plan", "a", "what becomes of each message")
	flag.StringVar(&b.commit, "commit", modes[0], strings.Join(modes, ", "))
	flag.StringVar(&b.clientID, "client-id", "", "the library's own if empty")
	flag.StringVar(&b.codec, "codec", "none", "of what it produces")
	flag.StringVar(&b.version, "version", "", "of Kafka, as the library is told; empty: its default")
	flag.StringVar(&b.assignor, "assignor", "range", "range or roundrobin")
	flag.StringVar(&b.sasl, "sasl", "", "PLAIN: authenticate as the test user of kafka_stand_in")
	flag.IntVar(&b.count, "count", 0, "end when so many are settled")
	flag.IntVar(&b.batch, "batch", 10, "messages to a commit")
	flag.IntVar(&b.idleMs, "idle-ms", 0, "end when nothing came for so long")
	flag.IntVar(&b.sessionMs, "session-ms", 6000, "session timeout")
	flag.IntVar(&b.fetchWaitMs, "fetch-wait-ms", 20, "how long the broker may wait")
	flag.Float64Var(&b.delayMs, "delay-ms", 0, "work on each so long")
	flag.StringVar(&logPath, "log", "", "the journal; live until SIGTERM")
	flag.Parse()
	if strings.Trim(b.plan, letters) != "" {
		log.Fatalf("--plan knows the letters %s, not %q", letters, b.plan)
	}
	if !strings.Contains(" "+strings.Join(modes, " ")+" ", " "+b.commit+" ") {
		log.Fatalf("--commit is one of %s, not %q", strings.Join(modes, ", "), b.commit)
	}
	if b.count == 0 && b.idleMs == 0 && logPath == "" {
		log.Fatal("say when to end: --count, --idle-ms, or --log, which ends with SIGTERM")
	}
	if b.sasl != "" && b.sasl != "PLAIN" {
		log.Fatalf("--sasl is PLAIN, not %q", b.sasl)
	}
	if b.deadLetters == "" {
		b.deadLetters = b.topic + ".DLT"
	}
	if logPath != "" {
		file, err := os.OpenFile(logPath, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
		if err != nil {
			log.Fatal(err)
		}
		b.journal = file
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		go func() {
			<-signals
			b.write("closing")
			close(b.stopping)
		}()
	}
	return b
}

func (b *behaviour) write(words ...any) {
	if b.journal != nil {
		fmt.Fprintf(b.journal, "%d %s", time.Now().UnixNano(), fmt.Sprintln(words...))
	}
}

// What to do with a message: 'a', 'd', 'D', or 'e' the first time.
func (b *behaviour) received(where place, offset int64, body []byte) byte {
	if b.delayMs > 0 {
		time.Sleep(time.Duration(b.delayMs * float64(time.Millisecond)))
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	number, err := strconv.Atoi(string(body[:9]))
	if err != nil {
		log.Fatalf("not a message of the publisher's: %q", body[:9])
	}
	b.last = time.Now()
	again := 0
	if b.seen[number] {
		again = 1
	}
	b.write("got", number, again)
	b.seen[number] = true
	b.counts["delivered"]++
	fate := b.plan[number%len(b.plan)]
	if b.given[where] == nil {
		b.given[where] = map[int64]bool{}
	}
	if b.failed[where] == nil {
		b.failed[where] = map[int64]bool{}
	}
	if isDead, isGiven := b.given[where][offset]; isGiven && !isDead {
		b.counts["abandoned"]++
	}
	if fate == 'e' {
		if !b.failed[where][offset] {
			b.failed[where][offset] = true
			b.given[where][offset] = false
			return 'e'
		}
		fate = 'a'
	}
	b.settled++
	b.given[where][offset] = fate != 'a'
	return fate
}

func (b *behaviour) deadLettered() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.counts["dead_lettered"]++
}

// The broker refused a commit, and the library gave it up: its messages come again, if no later commit covers them.
func (b *behaviour) commitFailed() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.counts["commit_failures"]++
}

// The broker answered: everything below is settled.
func (b *behaviour) committed(positions map[place]int64) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.counts["commits"]++
	for where, position := range positions {
		for offset, isDead := range b.given[where] {
			if offset >= position {
				continue
			}
			delete(b.given[where], offset)
			if isDead {
				b.counts["acked_paired"]++
			} else {
				b.counts["acked"]++
			}
		}
	}
}

func (b *behaviour) assigned(partitions int) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.counts["assignments"]++
	b.counts["assigned"] += partitions
	b.write("assigned", partitions)
	if partitions > 0 && !b.linked {
		b.linked = true
		b.write("connected", os.Getpid())
	}
	b.last = time.Now()
}

func (b *behaviour) revoked(partitions int) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.counts["revoked"] += partitions
	b.write("revoked", partitions)
}

// What was given and not committed comes again elsewhere; of a dead letter only the source's commit lacks.
func (b *behaviour) abandon() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for where, given := range b.given {
		for _, isDead := range given {
			if !isDead {
				b.counts["abandoned"]++
			}
		}
		delete(b.given, where)
	}
}

func (b *behaviour) done() bool {
	select {
	case <-b.stopping:
		return true
	default:
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.count > 0 && b.settled >= b.count {
		return true
	}
	return b.idleMs > 0 && time.Since(b.last) > time.Duration(b.idleMs)*time.Millisecond
}

func (b *behaviour) end(client string) {
	b.write("closed")
	b.abandon()
	truth := map[string]any{"client": client, "group": b.group}
	for term, count := range b.counts {
		truth[term] = count
	}
	if err := json.NewEncoder(os.Stdout).Encode(truth); err != nil {
		log.Fatal(err)
	}
}

type header struct {
	key   string
	value []byte
}

// What Spring's DeadLetterPublishingRecoverer puts into a dead letter; nothing for fate 'D'.
func (b *behaviour) sourceHeaders(fate byte, where place, offset int64) []header {
	if fate != 'd' {
		return nil
	}
	return []header{
		{"kafka_dlt-original-topic", []byte(where.topic)},
		{"kafka_dlt-original-partition", binary.BigEndian.AppendUint32(nil, uint32(where.partition))},
		{"kafka_dlt-original-offset", binary.BigEndian.AppendUint64(nil, uint64(offset))},
		{"kafka_dlt-original-consumer-group", []byte(b.group)},
		{"kafka_dlt-exception-message", []byte("TimeoutError: the price service did not answer")},
	}
}
