import AdminAPI
import Foundation
import Pipeline

enum Sample {
  static func event(_ revision: Int = 1, key: String = "rabbitmq:%2F:orders", to: String = "open") throws
    -> TransitionEvent
  {
    try JSON.decode(
      TransitionEvent.self,
      from: Array(
        """
        {"schema":"stormfuse.event/1","id":"\(key)-\(revision)","key":"\(key)","href":"/v1/breakers/x","cluster":"c",
         "system":"rabbitmq","group":"orders","target":"t","owner":null,"runbook":null,"mode":"observe","held":false,
         "why":"mode is observe","verdict":"storm","rule":"dead-letter-storm",
         "transition":{"revision":\(revision),"at":"2026-11-20T23:59:59.123456789Z","from":"closed","to":"\(to)",
         "cause":"rule"},
         "evidence":[{"condition":"error_rate","scope":"group","value":0.412,"threshold":0.05,"unit":"ratio","samples":312,
         "window_s":60,"source":"x","met":true},{"condition":"retries","scope":"group","value":5,"threshold":3,"unit":"1",
         "samples":9,"window_s":60,"source":"x","met":true}],
         "dead_letters":{"rejected":20,"dead_lettered":0,"exhausted":0},"exposure":4}
        """.utf8))
  }
}

func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("stormfuse-\(UUID().uuidString)").path
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  defer { try? FileManager.default.removeItem(atPath: path) }
  return try body(path)
}
