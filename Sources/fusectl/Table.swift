internal import AdminAPI

/// Rows under a head line, in columns as wide as needed. In a pipe: fields separated by tabs, no padding, no colour, so
/// that `cut` and `awk -F'\t'` work.
struct Table {
  struct Column {
    enum Side { case left, right }
    var title: String
    var side: Side
    init(_ title: String, _ side: Side = .left) {
      self.title = title
      self.side = side
    }
  }

  struct Cell {
    var text: String
    var colour: TerminalStyle.Colour?
    init(_ text: String, _ colour: TerminalStyle.Colour? = nil) {
      self.text = TerminalStyle.printable(text)
      self.colour = colour
    }
  }

  private let columns: [Column]
  private var rows: [[Cell]] = []

  init(columns: [Column]) { self.columns = columns }

  mutating func add(_ cells: [Cell]) { rows.append(cells) }

  func text(_ terminal: Terminal) -> String {
    let head = columns.map { Cell($0.title, .bold) }
    let all = [head] + rows
    guard terminal.isTerminal else {
      return all.map { $0.map(\.text).joined(separator: "\t") }.joined(separator: "\n")
    }
    let widths = columns.indices.map { column in all.map { $0[column].text.count }.max() ?? 0 }
    return all.map { row in
      let cells = columns.indices.map { column in
        let pad = String(repeating: " ", count: widths[column] - row[column].text.count)
        let text = terminal.style.paint(row[column].text, row[column].colour)
        if columns[column].side == .right { return pad + text }
        return column == columns.count - 1 ? text : text + pad
      }
      return cells.joined(separator: "  ")
    }.joined(separator: "\n")
  }
}
