//! Rows of statements, in braces or by indentation.

use super::{
    lexer::Kind,
    names::ScopeKind,
    parser::{Parser, Read, Stop},
    pieces::Out,
};

/// Where a row of statements ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Cell,
    Brace,
    /// At a line that is not further in than this column.
    Indent(usize),
    Line,
}

impl Parser<'_> {
    /// The whole cell.
    pub fn cell(&mut self) -> Out {
        let mut out = Vec::new();
        while !self.is_end() {
            out.extend(self.statements(End::Cell).unwrap_or_default());
            if !self.is_end() {
                out.push(self.take());
            }
        }
        out
    }

    fn is_over(&self, end: End) -> bool {
        let next = self.peek();
        if next.kind == Kind::End || next.is("}") {
            return true;
        }
        match end {
            End::Cell | End::Brace => false,
            End::Indent(column) => next.begins_line && next.indent <= column,
            End::Line => next.begins_line,
        }
    }

    fn statements(&mut self, end: End) -> Read<Out> {
        let mut out = Vec::new();
        while !self.is_over(end) {
            if self.is(";") {
                out.push(self.take());
                continue;
            }
            let start = self.at;
            let n_mistakes = self.mistakes.len();
            let own_indent = self.peek().indent;
            let indent = std::mem::replace(&mut self.statement_indent, own_indent);
            let (statement, is_block) = match self.deeper(|this| this.statement()) {
                Ok(read) => read,
                Err(stop) => {
                    if stop == Stop::Refused && self.mistakes.len() == n_mistakes {
                        self.statement_indent = indent;
                        return Err(stop);
                    }
                    let first = self.tokens.get(start).map(|token| (token.line, token.column));
                    self.unread = self.unread.or(first);
                    (self.rest_of_statement(start), false)
                }
            };
            self.statement_indent = indent;
            out.extend(statement);
            if self.at == start {
                out.push(self.take());
                continue;
            }
            let is_finished = self.previous().is_some_and(|last| last.is(";") || last.is("{"));
            let is_open_end = self.previous().is_some_and(|last| last.is(","));
            if !is_block
                && !is_finished
                && !is_open_end
                && !self.is(";")
                && !self.is_over(end)
                && self.peek().begins_line
            {
                out.push(self.added(";"));
            }
        }
        Ok(out)
    }

    /// One statement, and whether it is a block that needs no `;`.
    pub fn statement(&mut self) -> Read<(Out, bool)> {
        let token = self.peek().clone();
        if token.is("{") && (self.is_at(1, "}") || !self.is_dict()) {
            self.scopes.push(ScopeKind::Block);
            let out = self.brace_block(Vec::new());
            self.scopes.pop();
            return Ok((out?, true));
        }
        if token.is("@") {
            return self.refuse("there are no decorators; call the function directly");
        }
        if !token.is_word() {
            return self.setting_or_value();
        }
        let next = self.peek_at(1);
        let is_alone = next.begins_line || next.kind == Kind::End || next.is(";") || next.is("}");
        let goes_on = !is_alone && (next.is_word() || matches!(next.kind, Kind::Number | Kind::Text));
        match token.text.as_str() {
            "let" | "const" | "var" if goes_on || next.is("(") || next.is("[") => self.let_statement(),
            "fn" | "private" | "def" if goes_on => self.function(),
            "if" | "while" | "for" | "loop" | "switch" | "try" | "do" => {
                let has_block = token.text != "try" || next.is("{") || next.is(":");
                if has_block { Ok((self.block_statement()?, true)) } else { Err(Stop::Unreadable) }
            }
            "import" | "from" if goes_on => self.import(),
            "pass" if is_alone => Ok((vec![self.take_as("();")], true)),
            "return" => self.return_statement(),
            "throw" | "raise" if token.text == "throw" || is_alone || goes_on => self.raise(),
            "assert" if goes_on || next.is("(") || next.is("not") => self.assert(),
            "del" if goes_on => self.delete(),
            "global" | "nonlocal" if goes_on => self
                .refuse("a function cannot set variables of the cell; return the value and set it there: x = f(...)"),
            "class" if goes_on => {
                self.refuse("there are no classes; keep values in a dict {\"name\": value} and write functions")
            }
            "with" if goes_on => {
                self.refuse("`with` is not available: there is nothing to open or close; write the lines without it")
            }
            "async" | "await" | "yield" if goes_on => {
                self.refuse(format!("`{}` is not available; cells run from top to bottom", token.text))
            }
            "break" | "continue" => Ok((vec![self.take()], false)),
            "elif" | "else" | "except" | "finally" | "catch" => Err(Stop::Unreadable),
            _ => self.setting_or_value(),
        }
    }

    /// A block in braces, or one that is indented further than `indent`; `inside` comes first.
    pub fn block(&mut self, indent: usize, inside: Out) -> Read<Out> {
        self.scopes.push(ScopeKind::Block);
        let out = self.block_in_scope(indent, inside);
        self.scopes.pop();
        out
    }

    pub fn block_in_scope(&mut self, indent: usize, inside: Out) -> Read<Out> {
        if self.is("{") {
            return self.brace_block(inside);
        }
        if !self.is(":") {
            return Err(Stop::Unreadable);
        }
        let mut out = vec![self.take_as(" {")];
        out.extend(inside);
        let first = self.peek();
        if first.kind == Kind::End || (first.begins_line && first.indent <= indent) {
            return self.refuse("the block after `:` is empty; indent its lines, or write `pass`");
        }
        let end = if first.begins_line { End::Indent(indent) } else { End::Line };
        out.extend(self.in_block(|this| this.statements(end))?);
        out.push(self.added(" }"));
        Ok(out)
    }

    /// `{ ... }` in the scope that is open.
    pub fn brace_block(&mut self, inside: Out) -> Read<Out> {
        let mut out = vec![self.expect("{")?];
        out.extend(inside);
        out.extend(self.in_block(|this| this.statements(End::Brace))?);
        out.push(self.expect("}")?);
        Ok(out)
    }
}
