//! Statements with blocks: conditions, loops, attempts.

use super::{
    expression::{Expr, Shape, own_statement},
    names::ScopeKind,
    parser::{Parser, Read, Stop},
    pieces::{Content, Out, Piece, breaks, take_lead},
    target::Target,
};

impl Parser<'_> {
    pub fn for_statement(&mut self) -> Read<Out> {
        let indent = self.peek().indent;
        let word = self.take();
        let target = self.target()?;
        let word_in = self.expect("in")?;
        let start = self.at;
        let items = self.expression()?;
        let end = self.at;
        let is_python = self.is(":");
        self.scopes.push(ScopeKind::Block);
        let result = self.for_body(word, target, word_in, items, (start, end), indent, is_python);
        self.scopes.pop();
        let (out, escaping) = result?;
        if let Some(name) = escaping {
            self.word_before_escaping(&name);
        }
        self.no_else("for")?;
        Ok(out)
    }

    pub fn word_before_escaping(&mut self, name: &str) {
        if !self.scopes.can_set(name) {
            self.scopes.hoist(name);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one header")]
    pub fn for_body(
        &mut self,
        word: Piece,
        target: Target,
        word_in: Piece,
        items: Expr,
        (start, end): (usize, usize),
        indent: usize,
        is_python: bool,
    ) -> Read<(Out, Option<String>)> {
        let is_pairs =
            matches!(&items.shape, Shape::Call { name, .. } if ["enumerate", "zip", "items"].contains(&name.as_str()));
        let may_count = matches!(&target, Target::Several { targets, is_in_brackets: true, .. } if targets.len() == 2)
            && !is_python
            && !is_pairs;
        let origin = format!("an item of `{}`", self.words(start, end));
        let (mut header, mut inside) = self.loop_variable(&target);
        if let Target::One(name, _) = &target {
            let doubt = self.scopes.doubt();
            self.scopes.set(name, Some((origin.clone(), doubt)));
            inside.push(self.if_doubted(doubt, own_statement(name, &origin)));
        }
        let body = self.block_in_scope(indent, Vec::new())?;
        let mut escaping = None;
        // The variable of a loop lives on after it in Python.
        if let Target::One(name, piece) = &target
            && is_python
            && self.is_read_later(name)
        {
            let item = self.temporary();
            header = vec![Piece { text: Content::Added(item.clone()), ..piece.clone() }];
            let text = format!(" {name} = {item};");
            inside.insert(0, Self::added_at(Some(piece), text));
            escaping = Some(name.clone());
        }
        let mut out = vec![word];
        out.extend(header);
        out.push(word_in);
        let mut items = items.out;
        if may_count {
            let mut open = Self::added_at(items.first(), "__pairs(");
            open.lead = take_lead(&mut items);
            out.push(open);
            out.extend(items);
            out.push(self.added(")"));
        } else {
            out.extend(items);
        }
        let mut body = body;
        // The body's first piece is its opening brace.
        let rest = body.split_off(1.min(body.len()));
        out.extend(body);
        out.extend(inside);
        out.extend(rest);
        Ok((out, escaping))
    }

    /// Whether the variable of a loop is read after the loop.
    pub fn is_read_later(&self, name: &str) -> bool {
        let rest = self.tokens.get(self.at..).unwrap_or_default();
        let Some(found) = rest.iter().position(|token| token.is_word() && token.text == name) else { return false };
        let line = rest.get(found).map_or(0, |token| token.line);
        let same_line: Vec<_> = self.tokens.iter().filter(|token| token.line == line).collect();
        let is_bound = same_line.windows(2).any(|pair| match pair {
            [a, b] => {
                b.text == name
                    && (a.is("for")
                        || a.is("lambda")
                        || a.is("|")
                        || a.is("def")
                        || a.is("fn")
                        || a.is("let")
                        || a.is("."))
                    || a.text == name && b.is("=")
                    || a.text == name && b.is(":")
            }
            _ => false,
        });
        let is_param = same_line.first().is_some_and(|first| first.is("def") || first.is("fn"));
        let in_for = same_line.iter().position(|token| token.is("for")).is_some_and(|at| {
            same_line.iter().skip(at).take_while(|token| !token.is("in")).any(|token| token.text == name)
        });
        !is_bound && !is_param && !in_for
    }

    /// Arms are read one by one; their patterns stay as they are.
    pub fn switch(&mut self) -> Read<Out> {
        let mut out = vec![self.take()];
        out.extend(self.expression()?.out);
        out.push(self.expect("{")?);
        self.in_block(|this| {
            while !this.is("}") {
                while !this.is("=>") {
                    if this.is_end() || this.is(";") || this.is("}") {
                        return Err(Stop::Unreadable);
                    }
                    out.push(this.take());
                }
                out.push(this.take());
                if this.is("{") {
                    this.scopes.push(ScopeKind::Block);
                    let body = this.brace_block(Vec::new());
                    this.scopes.pop();
                    out.extend(body?);
                } else {
                    this.n_brackets += 1;
                    let body = this.statement();
                    this.n_brackets -= 1;
                    out.extend(body?.0);
                }
                if this.is(",") {
                    out.push(this.take());
                }
            }
            Ok(())
        })?;
        out.push(self.expect("}")?);
        Ok(out)
    }

    pub fn try_statement(&mut self) -> Read<Out> {
        let indent = self.peek().indent;
        let mut out = vec![self.take()];
        out.extend(self.block(indent, Vec::new())?);
        if self.is("catch") {
            out.push(self.take());
            self.scopes.push(ScopeKind::Block);
            let result = self.catch(&mut out);
            self.scopes.pop();
            result?;
            return Ok(out);
        }
        if self.is("finally") {
            return self.refuse("`finally` is not available; write those lines after the try block");
        }
        if !self.is("except") {
            return Err(Stop::Unreadable);
        }
        let indent = self.peek().indent;
        out.push(self.take_as("catch"));
        let mut name = None;
        while !self.is(":") {
            if self.is_end() || self.peek().begins_line {
                return Err(Stop::Unreadable);
            }
            if !self.is("as") {
                let dropped = self.take();
                out.extend(breaks([&dropped]));
                continue;
            }
            self.take();
            if !self.is_same_line() {
                return Err(Stop::Unreadable);
            }
            name = Some(self.expect_word()?);
        }
        self.scopes.push(ScopeKind::Block);
        if let Some((word, mut piece)) = name {
            self.scopes.declare(&word);
            piece.lead = " (".to_owned();
            out.push(piece);
            out.push(self.added(")"));
        }
        let body = self.block_in_scope(indent, Vec::new());
        self.scopes.pop();
        out.extend(body?);
        if self.is("except") {
            return self
                .refuse("errors have no classes here, so one `except` takes them all; look at e.code inside it");
        }
        if self.is("finally") || (self.is("else") && self.peek().indent == indent) {
            return self.refuse(format!(
                "`{}` after `except` is not available; write those lines after the try block",
                self.peek().text
            ));
        }
        Ok(out)
    }

    pub fn catch(&mut self, out: &mut Out) -> Read<()> {
        if self.is("(") {
            out.push(self.take());
            let (name, piece) = self.expect_word()?;
            self.scopes.declare(&name);
            out.push(piece);
            out.push(self.expect(")")?);
        }
        let block = self.brace_block(Vec::new())?;
        out.extend(block);
        Ok(())
    }

    pub fn if_statement(&mut self) -> Read<Out> {
        let indent = self.peek().indent;
        let mut out = vec![if self.is("elif") { self.take_as("if") } else { self.take() }];
        out.extend(self.expression()?.out);
        out.extend(self.block(indent, Vec::new())?);
        let is_python = self.previous().is_some_and(|last| !last.is("}"));
        let belongs_here = !is_python || !self.peek().begins_line || self.peek().indent == indent;
        if !belongs_here {
            return Ok(out);
        }
        if self.is("elif") {
            let mut word_else = Piece { text: Content::Added("else".to_owned()), ..self.added("") };
            word_else.lead.push(' ');
            let mut rest = self.deeper(Self::if_statement)?;
            let lead = take_lead(&mut rest);
            word_else.lead = if lead.is_empty() { " ".to_owned() } else { lead };
            if let Some(first) = rest.first_mut() {
                first.lead = " ".to_owned();
            }
            out.push(word_else);
            out.extend(rest);
        } else if self.is("else") {
            let indent = self.peek().indent;
            out.push(self.take());
            if self.is("if") && !self.peek().begins_line {
                out.extend(self.deeper(Self::if_statement)?);
            } else {
                out.extend(self.block(indent, Vec::new())?);
            }
        }
        Ok(out)
    }

    pub fn no_else(&mut self, what: &str) -> Read<()> {
        let is_else = self.is("else") && self.is_at(1, ":") && self.previous().is_some_and(|last| !last.is("}"));
        if is_else {
            return self.refuse(format!(
                "`else` after a `{what}` loop is not available; use a variable that says whether it was left"
            ));
        }
        Ok(())
    }

    /// `if`, `while`, `for`, `loop`, `do`, `switch`, `try`.
    pub fn block_statement(&mut self) -> Read<Out> {
        match self.peek().text.as_str() {
            "if" => self.if_statement(),
            "while" => {
                let indent = self.peek().indent;
                let mut out = vec![self.take()];
                out.extend(self.expression()?.out);
                out.extend(self.block(indent, Vec::new())?);
                self.no_else("while")?;
                Ok(out)
            }
            "for" => self.for_statement(),
            "loop" => {
                let indent = self.peek().indent;
                let mut out = vec![self.take()];
                out.extend(self.block(indent, Vec::new())?);
                Ok(out)
            }
            "do" => {
                let indent = self.peek().indent;
                let mut out = vec![self.take()];
                out.extend(self.block(indent, Vec::new())?);
                if !(self.is("while") || self.is("until")) {
                    return Err(Stop::Unreadable);
                }
                out.push(self.take());
                out.extend(self.expression()?.out);
                Ok(out)
            }
            "switch" => self.switch(),
            "try" => self.try_statement(),
            _ => Err(Stop::Unreadable),
        }
    }
}
