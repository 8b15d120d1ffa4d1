/// Kafka's error codes that mean something here (its protocol guide, "Error Codes").
package enum KafkaError {
  package static let none: Int16 = 0
  package static let offsetOutOfRange: Int16 = 1
  package static let unknownTopicOrPartition: Int16 = 3
  package static let notLeaderOrFollower: Int16 = 6
  package static let requestTimedOut: Int16 = 7
  package static let networkException: Int16 = 13
  package static let coordinatorLoadInProgress: Int16 = 14
  package static let coordinatorNotAvailable: Int16 = 15
  package static let notCoordinator: Int16 = 16
  package static let illegalGeneration: Int16 = 22
  package static let unknownMemberID: Int16 = 25
  package static let rebalanceInProgress: Int16 = 27
  package static let unsupportedVersion: Int16 = 35
  package static let invalidProducerEpoch: Int16 = 47
  package static let concurrentTransactions: Int16 = 51
  package static let fetchSessionIDNotFound: Int16 = 70
  package static let invalidFetchSessionEpoch: Int16 = 71
  package static let fencedLeaderEpoch: Int16 = 74
  package static let unknownLeaderEpoch: Int16 = 75
  package static let memberIDRequired: Int16 = 79
  package static let fencedInstanceID: Int16 = 82
  package static let unstableOffsetCommit: Int16 = 88
  package static let producerFenced: Int16 = 90
  package static let unknownTopicID: Int16 = 100
  package static let fencedMemberEpoch: Int16 = 110
  package static let unreleasedInstanceID: Int16 = 111
  package static let staleMemberEpoch: Int16 = 113
  package static let invalidRecordState: Int16 = 121
  package static let shareSessionNotFound: Int16 = 122
  package static let invalidShareSessionEpoch: Int16 = 123

  /// The client asks again by itself: nothing was decided.
  package static func isTransient(_ error: Int16) -> Bool {
    switch error {
    case coordinatorLoadInProgress, coordinatorNotAvailable, notCoordinator, requestTimedOut, networkException,
      concurrentTransactions:
      true
    default: false
    }
  }
}
