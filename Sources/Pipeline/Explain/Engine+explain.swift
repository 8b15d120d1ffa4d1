// What `stormfuse explain` asks of an engine.

extension Engine {
  /// From now on what happens to each message is kept, at most so many facts; 1,000,000 of them take some 100 MB.
  package func keepJournal(limit: Int) { ledger.journal = Journal(limit: limit) }

  /// Without a journal it is empty. `message`: what is known of those of that name; nil: a list of all that are worth
  /// explaining.
  package func explanation(of message: String?) -> Explanation {
    let teller = Storyteller(
      journal: ledger.journal ?? Journal(limit: 1), wallAhead_ns: ledger.wallAhead_ns, from: from ?? .zero, to: to)
    return message.map(teller.tell) ?? teller.list()
  }
}
