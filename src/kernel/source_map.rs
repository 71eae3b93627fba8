//! Which line of which cell a position means.
//!
//! Functions of earlier cells keep their positions but not their cell, so all cells share one running count of lines: each is
//! compiled behind as many empty lines as all cells before it have. Rhai counts lines in 16 bits.

use rhai::Position;

use super::habits::Lowered;

/// Lines that all cells of one kernel may have together.
const MAX_LINES: usize = 60_000;

/// Where each cell starts.
#[derive(Default)]
pub struct SourceMap {
    cells: Vec<Placed>,
    n_lines: usize,
}

struct Placed {
    id: u32,
    first_line: usize,
    /// As the model wrote it.
    source: String,
    positions: super::habits::Positions,
}

/// A place in a cell, 1-based.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the cell.
    pub cell: u32,
    /// Line within it.
    pub line: usize,
    /// Column, when known.
    pub column: Option<usize>,
}

impl SourceMap {
    /// Adds a cell; the text to compile, or `None` when all lines are used up.
    pub fn add(&mut self, id: u32, source: &str, lowered: Lowered) -> Option<String> {
        let n_lines = lowered.text.split('\n').count();
        if self.n_lines + n_lines > MAX_LINES {
            return None;
        }
        let text = format!("{}{}", "\n".repeat(self.n_lines), lowered.text);
        let positions = lowered.positions;
        self.cells.push(Placed { id, first_line: self.n_lines, source: source.to_owned(), positions });
        self.n_lines += n_lines;
        Some(text)
    }

    /// Where a position is; `None` when it is not known.
    pub fn place(&self, position: Position) -> Option<Place> {
        let line = position.line()?;
        let placed = self.cells.iter().rev().find(|placed| line > placed.first_line)?;
        let line = line - placed.first_line;
        let (line, column) = match position.position() {
            Some(column) => {
                let (line, column) = placed.positions.origin(line, column);
                (line, Some(column))
            }
            None => (line, None),
        };
        Some(Place { cell: placed.id, line, column })
    }

    /// One line of the newest cell.
    pub fn line(&self, line: usize) -> &str {
        let source = self.cells.last().map_or("", |placed| placed.source.as_str());
        source.split('\n').nth(line.wrapping_sub(1)).unwrap_or("")
    }

    /// The last line with text before `line` in the newest cell.
    pub fn line_before(&self, line: usize) -> Option<(usize, &str)> {
        (1..line).rev().map(|number| (number, self.line(number))).find(|(_, text)| !text.trim().is_empty())
    }
}
