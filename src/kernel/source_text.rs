//! The cell's text before Rhai reads it: habits of Python that would mean something else, or nothing, here.

use super::CellError;

/// A cell longer than this is a mistake.
const MAX_SOURCE_BYTES: usize = 200_000;

/// What a character is part of.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    Code,
    /// A string in double quotes, or a character in single quotes.
    Quoted(char),
    /// A string in back-ticks.
    BackTicks,
    /// `#"..."#` with that many `#`.
    Raw(usize),
    LineComment,
    BlockComment,
}

/// The text with `# comments` turned into `// comments`. Lines and columns of code stay.
///
/// # Errors
/// `//` used for whole-number division, which Rhai would silently take for a comment, and a cell that is too long.
pub fn prepared(source: &str) -> Result<String, Vec<CellError>> {
    if source.len() > MAX_SOURCE_BYTES {
        let message = format!("the cell has {} bytes, at most {MAX_SOURCE_BYTES} are taken; split it", source.len());
        return Err(vec![CellError { line: None, column: None, message, code: None }]);
    }
    let mut scanner =
        Scanner { within: Within::Code, out: String::with_capacity(source.len() + 16), errors: Vec::new() };
    for (line_idx, line) in source.split('\n').enumerate() {
        if line_idx > 0 {
            scanner.out.push('\n');
        }
        scanner.line(line, line_idx + 1);
    }
    if scanner.errors.is_empty() { Ok(scanner.out) } else { Err(scanner.errors) }
}

/// Names after `let`, `const` and `for`, roughly: for suggestions only.
pub fn declared_names(source: &str) -> impl Iterator<Item = &str> {
    let mut words = source.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
    std::iter::from_fn(move || {
        loop {
            let word = words.next()?;
            if matches!(word, "let" | "const" | "for") {
                return words.next();
            }
        }
    })
}

struct Scanner {
    within: Within,
    out: String,
    errors: Vec<CellError>,
}

impl Scanner {
    fn line(&mut self, line: &str, line_number: usize) {
        let chars: Vec<char> = line.chars().collect();
        let mut code_before = String::new();
        let mut at = 0;
        while let Some(c) = chars.get(at).copied() {
            let next = chars.get(at + 1).copied();
            let mut width = 1;
            match self.within {
                Within::Code => match (c, next) {
                    ('/', Some('/')) => {
                        let after: String = chars.iter().skip(at + 2).collect();
                        if is_division(&code_before, &after) {
                            self.errors.push(CellError {
                                line: Some(line_number),
                                column: Some(at + 1),
                                message: "`//` starts a comment here, so the rest of the line would be lost; for whole-number \
                                          division write int_div(a, b)"
                                    .to_owned(),
                                code: None,
                            });
                        }
                        self.within = Within::LineComment;
                    }
                    ('/', Some('*')) => self.within = Within::BlockComment,
                    ('"' | '\'', _) => self.within = Within::Quoted(c),
                    ('`', _) => self.within = Within::BackTicks,
                    ('#', _) => {
                        let n_hashes = chars.iter().skip(at).take_while(|c| **c == '#').count();
                        match chars.get(at + n_hashes) {
                            Some('"') => {
                                self.within = Within::Raw(n_hashes);
                                width = n_hashes + 1;
                            }
                            Some('{') if n_hashes == 1 => {}
                            _ => {
                                self.out.push('/');
                                self.out.push('/');
                                self.within = Within::LineComment;
                                at += 1;
                                continue;
                            }
                        }
                    }
                    _ => {}
                },
                Within::Quoted(quote) => {
                    if c == '\\' {
                        width = 2;
                    } else if c == quote {
                        self.within = Within::Code;
                    }
                }
                Within::BackTicks => {
                    if c == '`' {
                        self.within = Within::Code;
                    }
                }
                Within::Raw(n_hashes) => {
                    if c == '"' && chars.iter().skip(at + 1).take_while(|c| **c == '#').count() >= n_hashes {
                        self.within = Within::Code;
                        width = 1 + n_hashes;
                    }
                }
                Within::BlockComment => {
                    if (c, next) == ('*', Some('/')) {
                        self.within = Within::Code;
                        width = 2;
                    }
                }
                Within::LineComment => {}
            }
            if self.within == Within::Code {
                code_before.push(c);
            }
            self.out.extend(chars.iter().skip(at).take(width));
            at += width;
        }
        let ends_with_line = matches!(self.within, Within::LineComment)
            || (matches!(self.within, Within::Quoted(_)) && !line.ends_with('\\'));
        if ends_with_line {
            self.within = Within::Code;
        }
    }
}

/// `let n = 7 // 2` and `n // count;`: code that is not yet a whole statement, then one operand.
fn is_division(before: &str, after: &str) -> bool {
    let ends_open =
        before.trim_end().chars().next_back().is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ')' | ']'));
    let after = after.trim();
    let operand = after.strip_suffix([';', ')']).unwrap_or(after).trim_end_matches([';', ')']).trim();
    let is_operand = !operand.is_empty()
        && operand.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '(' | '[' | ']'))
        && operand.chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '(');
    let is_number = operand.parse::<f64>().is_ok();
    ends_open && is_operand && (is_number || after.ends_with(';'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &str) {
        assert_eq!(prepared(source).unwrap(), expected);
    }

    #[test]
    fn hash_comments_become_comments_and_the_rest_stays() {
        check("let x = 1; # one", "let x = 1; // one");
        check("# a\nx # b", "// a\nx // b");
        check("let m = #{a: 1}; # m", "let m = #{a: 1}; // m");
        check(r##"let s = "# no"; let c = '#';"##, r##"let s = "# no"; let c = '#';"##);
        check(r##"let s = "a\"# no"; # yes"##, r##"let s = "a\"# no"; // yes"##);
        check("let s = `# no\n# no`; # yes", "let s = `# no\n# no`; // yes");
        check("let s = #\"# no\"#; # yes", "let s = #\"# no\"#; // yes");
        check("/* # no\n# no */ # yes", "/* # no\n# no */ // yes");
        check("x; // # no", "x; // # no");
        check("# é\nlet x = \"é\"; # ü", "// é\nlet x = \"é\"; // ü");
    }

    #[test]
    fn division_by_two_slashes_is_refused() {
        let refused = |source: &str, line: usize, column: usize| {
            let errors = prepared(source).unwrap_err();
            assert_eq!((errors[0].line, errors[0].column), (Some(line), Some(column)), "{source}");
            assert!(errors[0].message.contains("int_div"), "{source}");
        };
        refused("let n = 7 // 2", 1, 11);
        refused("let a = 1;\nlet n = total // count;", 2, 15);
        refused("print(list.len() // 2);", 1, 18);
        for fine in ["let n = 7; // 2", "foo(a, // the first\n b)", "let n = 7 // seven days", "x // y", "// 7 // 2"] {
            assert!(prepared(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn a_cell_that_is_too_long_is_refused() {
        let errors = prepared(&"x;\n".repeat(100_000)).unwrap_err();
        assert_eq!(errors[0].message, "the cell has 300000 bytes, at most 200000 are taken; split it");
    }
}
