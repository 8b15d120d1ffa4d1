/// One channel: its consumers, what is unacknowledged on it, and the content that is being sent either way.
final class AMQPChannel {
  let number: UInt16
  var tags = AMQPTags()
  var consumers: [ConsumerEntry] = []
  /// Consumers that are gone but still hold deliveries.
  var retired: [ConsumerEntry] = []
  /// When there are that many of them, they are looked through.
  var sweepAt = AMQPChannel.sweepLeast
  /// The queue of the last queue.declare(-ok), for methods that leave the name empty.
  var lastDeclared: String?
  var pendingDeclares: [PendingDeclare] = []
  var pendingConsumes: [PendingConsume] = []
  var pendingGets: [PendingGet] = []
  var prefetchPerConsumer: UInt32 = 0
  var prefetchPerChannel: UInt32 = 0
  /// A gap may have swallowed the answer to some of the pending requests.
  var areAnswersDoubtful = false
  var phase = Phase.open
  /// What was handed back in one go.
  var returns = AMQPReturns()
  /// Acknowledgements that the broker may refuse.
  var doubts = AMQPDoubts()
  var isTransactional = false
  /// Settlements and publishes of the open transactions.
  var transaction: [Operation] = []
  /// The commits and rollbacks that are not answered yet, each with how many of the operations came before it.
  var transactionEnds: [TransactionEnd] = []
  var inbound = Inbound()
  var outbound = Outbound()
  private var lastConsumer = 0
  private let state: AMQPState

  enum Phase {
    case open
    /// What the client still sends is void until the channel is opened again.
    case closedByServer
    /// What the server still sends reaches nobody.
    case closedByClient
  }

  /// How a channel ends.
  enum End {
    /// By a close, or with a connection that was closed.
    case inOrder
    /// The client's side broke off.
    case crashed
    /// The broker closed it, because a delivery was not acknowledged in time.
    case timedOut
  }

  struct TransactionEnd {
    var count: Int
    var isCommit: Bool
  }

  struct ConsumerEntry {
    var tagHash: UInt64
    /// Index in the ledger's `ConsumerTable`.
    var id: Int32
    /// Index in the `AMQPTopology`.
    var queue: Int32
    var group: GroupID
    var noAck: Bool
    var isStream: Bool
    /// Stands for the basic.gets of that queue.
    var isGet = false
    var isCancelled = false
  }

  struct PendingDeclare {
    /// Empty when the server makes the name.
    var name: String
    /// Nil for a passive one.
    var declaration: AMQPQueue.Declaration?
  }

  struct PendingConsume {
    /// 0 when the server makes the tag.
    var tagHash: UInt64
    /// Empty: the channel's last declared one at the time of the answer.
    var queue: String
    var noAck: Bool
    var isStream: Bool
    /// Nil when the consumer's beginning was not seen.
    var prefetch: UInt32?
  }

  struct PendingGet: Equatable {
    var queue: String
    var noAck: Bool
  }

  enum Operation {
    case settle(tag: UInt64, multiple: Bool, Acknowledgement)
    case publish(Publication)
  }

  enum Acknowledgement { case ack, requeue, reject }

  /// A delivery or get-ok whose content is on its way.
  struct Inbound {
    enum State { case none, method, content, ignored }
    var state = State.none
    var tag: UInt64 = 0
    var consumer = ConsumerEntry(
      tagHash: 0, id: 0, queue: 0, group: GroupID(index: 0, serial: 0), noAck: false, isStream: false)
    /// Keyed hash of exchange and routing key, later of the properties too.
    var identity: UInt64 = 0
    var arrival: Arrival
    var remaining: UInt64 = 0
    var hashed = 0
    var bodyHash = KeyedHash(KeyedHash.Key(0, 0))
    /// What copies of it can be known by; gathered if `hasMarks`.
    var marks = MessageMarks()
    var body = BodySample()
    var hasMarks = false
    var isStream = false

    init() { arrival = Arrival(group: 0, consumer: 0, at: .zero, message: 0) }
  }

  /// A publish whose content is on its way.
  struct Outbound {
    enum State { case none, method, content }
    var state = State.none
    var publication = Publication()
    /// The publication's marks are being gathered.
    var hasMarks = false
    var body = BodySample()
    var remaining: UInt64 = 0
    var hashed = 0
    var bodyHash = KeyedHash(KeyedHash.Key(0, 0))
  }

  init(number: UInt16, state: AMQPState) {
    self.number = number
    self.state = state
    state.channels += 1
  }

  deinit { state.channels -= 1 }

  /// Index in `consumers`, or -1.
  func consumer(tagHash: UInt64) -> Int {
    if lastConsumer < consumers.count, consumers[lastConsumer].tagHash == tagHash { return lastConsumer }
    for i in consumers.indices where consumers[i].tagHash == tagHash {
      lastConsumer = i
      return i
    }
    return -1
  }

  static let sweepLeast = 16
}
