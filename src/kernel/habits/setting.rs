//! Variables and places that are set, with and without `let`.

use super::{
    expression::{Expr, Shape, Top, own_call},
    lexer::Kind,
    parser::{Parser, Read, Stop},
    pieces::{Content, Out, Piece, again, plain, take_lead},
    reserved::RESERVED,
};

impl Parser<'_> {
    pub fn let_statement(&mut self) -> Read<(Out, bool)> {
        let is_constant = self.is("const");
        let word = if self.is("var") { self.take_as("let") } else { self.take() };
        let mut out = vec![word];
        if self.is("mut") && self.peek_at(1).is_word() {
            out.push(self.take_as(""));
        }
        if self.is("(") || self.is("[") {
            let target = self.target()?;
            let equals = self.expect("=")?;
            let value = self.expression()?;
            let first = out.remove(0);
            return Ok((self.several(target, equals, value, Some(first)), false));
        }
        self.no_reserved_name()?;
        let (name, piece) = self.expect_word()?;
        out.push(piece);
        self.annotation(&mut out)?;
        if self.is(",") && self.is_same_line() {
            return self.refuse("one variable to each `let`; write `let a = ...; let b = ...;`");
        }
        if !self.is("=") {
            self.declared(&name, is_constant);
            return Ok((out, false));
        }
        out.push(self.take());
        let start = self.at;
        let mut value = self.value()?;
        let end = self.at;
        let alias = self.alias(&value.shape, start, end);
        let (is_closure, params) = closure_params(&value.shape);
        if let Some((origin, doubt)) = &alias {
            self.guard(&mut value.out, &name, origin, *doubt);
        }
        out.extend(value.out);
        self.declared(&name, is_constant);
        self.scopes.set(&name, alias);
        self.note_closure(&name, is_closure, params);
        Ok((out, false))
    }

    pub fn declared(&mut self, name: &str, is_constant: bool) {
        if !(self.scopes.known.is_built_in)(name) {
            self.scopes.declare(name).is_constant = is_constant;
        }
    }

    pub fn note_closure(&mut self, name: &str, is_closure: bool, params: Option<Vec<String>>) {
        if let Some(variable) = self.scopes.variable_mut(name) {
            variable.is_closure = is_closure;
            variable.params = params;
        }
    }

    pub fn no_reserved_name(&mut self) -> Read<()> {
        let word = self.peek().text.clone();
        if self.peek().is_word() && RESERVED.contains(&word.as_str()) {
            let fix = self.corrected(self.at, self.at + 1, &format!("{word}_"));
            return self.refuse_at(self.at, format!("'{word}' is a reserved keyword; choose another name"), fix);
        }
        Ok(())
    }

    /// `: float` behind a name, which says nothing here.
    pub fn annotation(&mut self, out: &mut Out) -> Read<()> {
        if !(self.is(":") && self.is_same_line() && self.peek_at(1).is_word()) {
            return Ok(());
        }
        while !self.is("=") {
            if self.is_end() || !self.is_same_line() || self.is(";") {
                return Err(Stop::Unreadable);
            }
            let taken = self.take();
            out.push(Piece { lead: String::new(), text: Content::Added(String::new()), ..taken });
        }
        Ok(())
    }

    /// What stands behind `=`: an expression, or several as a list.
    pub fn value(&mut self) -> Read<Expr> {
        let first = self.expression()?;
        if !(self.is(",") && self.is_same_line() && self.n_brackets == 0) {
            return Ok(first);
        }
        let mut out = first.out;
        let mut open = Self::added_at(out.first(), "[");
        open.lead = take_lead(&mut out);
        out.insert(0, open);
        let mut n = 1;
        while self.is(",") && self.is_same_line() {
            out.push(self.take());
            if !self.is_same_line() || self.is(";") {
                break;
            }
            out.extend(self.expression()?.out);
            n += 1;
        }
        out.push(self.added("]"));
        Ok(Expr { out, shape: Shape::Tuple(n), top: Top::Whole })
    }

    /// What a value may be a copy of.
    pub fn alias(&mut self, shape: &Shape, start: usize, end: usize) -> Option<(String, usize)> {
        let (Shape::Name(root) | Shape::Path { root }) = shape else { return None };
        let is_copyable = (self.scopes.can_set(root) || self.scopes.variable(root).is_some())
            && !(self.scopes.known.is_built_in)(root);
        if !is_copyable {
            return None;
        }
        let doubt = self.scopes.doubt();
        Some((self.words(start, end), doubt))
    }

    /// Has the kernel look at the value when the doubt is confirmed.
    pub fn guard(&mut self, value: &mut Out, name: &str, origin: &str, doubt: usize) {
        let mut open = Self::added_at(value.first(), "");
        open.text = Content::IfDoubted { doubt, text: "__own(".to_owned() };
        open.lead = take_lead(value);
        value.insert(0, open);
        let call = own_call("", name, &format!("`{origin}`"), &format!("{name} = {origin}.copy()"));
        value.push(self.if_doubted(doubt, call.trim_start_matches("__own(").to_owned()));
    }

    /// `x = ...`, `x += ...`, `a, b = ...`, `x[0] = ...` or an expression alone.
    pub fn setting_or_value(&mut self) -> Read<(Out, bool)> {
        let start = self.at;
        if let Some(target) = self.several_targets() {
            let equals = self.expect("=")?;
            let value = self.value()?;
            return Ok((self.several(target, equals, value, None), false));
        }
        self.at = start;
        if self.peek().is_word() && self.is_at(1, "=") {
            self.no_reserved_name()?;
            return self.set_name();
        }
        if self.peek().is_word()
            && self.is_at(1, ":")
            && self.peek_at(2).is_word()
            && self.n_brackets == 0
            && self.is_annotated()
        {
            return self.set_name();
        }
        let is_statement_call = self.is_statement_replace();
        let place = self.expression()?;
        let end = self.at;
        if !self.is_same_line() {
            return Ok((self.text_changed(place, is_statement_call, start)?, false));
        }
        let sign = self.peek().text.clone();
        if self.is("=") {
            return Ok((self.set_place(place, start)?, false));
        }
        if sign.len() >= 2 && sign.ends_with('=') && self.peek().kind == Kind::Sign && sign != "==" {
            return Ok((self.set_in_place(place, start, end)?, false));
        }
        if self.is(",") && self.n_brackets == 0 {
            // A row of values at the end of a cell: shown as a list.
            self.at = start;
            return Ok((self.value()?.out, false));
        }
        if self.is("++") || self.is("--") {
            let by = if self.is("++") { "+= 1" } else { "-= 1" };
            let fix = self.corrected(self.at, self.at + 1, &format!(" {by}"));
            return self.refuse_at(self.at, format!("`{sign}` is not available; write `{by}`"), fix);
        }
        Ok((self.text_changed(place, is_statement_call, start)?, false))
    }

    pub fn is_annotated(&self) -> bool {
        let line = self.peek().line;
        self.tokens.iter().skip(self.at).take_while(|token| token.line == line).any(|token| token.is("="))
    }

    /// `text.replace(a, b);` and `text.trim();` alone, which change a text in place in Rhai.
    pub fn is_statement_replace(&self) -> bool {
        self.peek().is_word()
            && self.is_at(1, ".")
            && ["replace", "trim"].contains(&self.peek_at(2).text.as_str())
            && self.is_at(3, "(")
    }

    pub fn text_changed(&mut self, place: Expr, is_statement_call: bool, start: usize) -> Read<Out> {
        let Shape::Call { name, receiver: Some(receiver) } = &place.shape else { return Ok(place.out) };
        let is_value = self.is_end() || self.is("}");
        if !is_statement_call || is_value || !["replace", "trim"].contains(&name.as_str()) {
            return Ok(place.out);
        }
        if !self.is(";") {
            let line = format!("{receiver} = {}", self.words(start, self.at));
            let message = format!("`{name}` gives a new text and does not change `{receiver}`; write `{line}`");
            return self.refuse_at(start, message, Some(line));
        }
        let mut out = place.out;
        let mut open = Self::added_at(out.first(), format!("{receiver} = "));
        open.lead = take_lead(&mut out);
        out.insert(0, open);
        Ok(out)
    }

    /// `x = value` and `x = y = value`.
    pub fn set_name(&mut self) -> Read<(Out, bool)> {
        let (name, mut piece) = self.expect_word()?;
        let mut out = Vec::new();
        let mut dropped = Vec::new();
        self.annotation(&mut dropped)?;
        let equals = self.expect("=")?;
        if self.peek().is_word() && self.is_at(1, "=") {
            let (inner, _) = self.set_name()?;
            let inner_name = self.tokens.get(self.at..).map(|_| plain(&inner)).unwrap_or_default();
            let inner_name =
                inner_name.trim_start_matches("let ").split([' ', '=']).next().unwrap_or_default().to_owned();
            let lead = std::mem::take(&mut piece.lead);
            let mut inner = inner;
            let inner_lead = take_lead(&mut inner);
            if let Some(first) = inner.first_mut() {
                first.lead = lead;
            }
            let word = self.word_before(&name);
            let doubt = self.scopes.doubt();
            self.scopes.set(&name, Some((inner_name.clone(), doubt)));
            out.extend(inner);
            let mut text = Self::added_at(Some(&piece), format!("; {word}{name} = "));
            text.lead = inner_lead.trim_matches([' ', '\t']).to_owned();
            out.push(text);
            let mut value = vec![Self::added_at(Some(&equals), inner_name.clone())];
            self.guard(&mut value, &name, &inner_name, doubt);
            out.extend(value);
            return Ok((out, false));
        }
        let start = self.at;
        let mut value = self.value()?;
        let end = self.at;
        let alias = self.alias(&value.shape, start, end);
        let (is_closure, params) = closure_params(&value.shape);
        let word = self.word_before(&name);
        if let Some((origin, doubt)) = &alias {
            self.guard(&mut value.out, &name, origin, *doubt);
        }
        if !word.is_empty() {
            let mut added = Self::added_at(Some(&piece), word);
            added.lead = std::mem::take(&mut piece.lead);
            out.push(added);
        }
        out.push(piece);
        out.extend(dropped);
        out.push(equals);
        out.extend(value.out);
        self.scopes.set(&name, alias);
        self.note_closure(&name, is_closure, params);
        Ok((out, false))
    }

    /// `a[0] = value`, `a.b = value`, `a[1:3] = value`.
    pub fn set_place(&mut self, place: Expr, start: usize) -> Read<Out> {
        let equals = self.take();
        let value = self.value()?;
        let mut out = place.out;
        match place.shape {
            Shape::Path { root } => {
                self.changed(&root, start)?;
                out.push(equals);
                out.extend(value.out);
                Ok(out)
            }
            Shape::Slice { n_receiver, root, is_nd } => {
                if let Some(root) = root {
                    self.changed(&root, start)?;
                }
                let name = if is_nd { ".nd_set([" } else { ".nd_set([[" };
                if let Some(open) = out.get_mut(n_receiver) {
                    open.text = Content::Added(name.to_owned());
                }
                if let Some(close) = out.last_mut() {
                    close.text = Content::Added(if is_nd { "], " } else { "]], " }.to_owned());
                }
                out.push(Piece { text: Content::Added(String::new()), ..equals });
                out.extend(value.out);
                out.push(self.added(")"));
                Ok(out)
            }
            _ => {
                out.push(equals);
                out.extend(value.out);
                Ok(out)
            }
        }
    }

    /// `x += value`.
    pub fn set_in_place(&mut self, place: Expr, start: usize, end: usize) -> Read<Out> {
        let sign = self.peek().text.clone();
        let sign_piece = self.take();
        let value = self.value()?;
        let mut out = place.out;
        match &place.shape {
            Shape::Name(root) if sign == "+=" => {
                // For a list this adds to the list itself.
                let root = root.clone();
                if self.scopes.variable(&root).is_some() || self.scopes.known.is_variable(&root) {
                    self.scopes.changed_in_place(&root);
                }
            }
            Shape::Path { root } => {
                let root = root.clone();
                self.changed(&root, start)?;
            }
            Shape::Slice { .. } => {
                let text = self.words(start, end);
                let operator = sign.trim_end_matches('=');
                return self.refuse_at(
                    start,
                    format!("`{sign}` on a slice is not available; write `{text} = {text} {operator} ...`"),
                    None,
                );
            }
            _ => {}
        }
        // Whole numbers would be divided in whole numbers by Rhai's own `/=`.
        let is_division = matches!(sign.as_str(), "/=" | "%=" | "**=" | "@=");
        if is_division && matches!(place.shape, Shape::Name(_) | Shape::Path { .. }) {
            let operator = sign.trim_end_matches('=').to_owned();
            let repeated = again(&out);
            out.push(Piece { text: Content::Added("=".to_owned()), ..sign_piece });
            let mut value = value.out;
            let lead = take_lead(&mut value);
            let mut repeated = repeated;
            take_lead(&mut repeated);
            out.push(self.added(" "));
            out.extend(repeated);
            let open = if operator == "@" { ".matmul(".to_owned() } else { format!(" {operator} (") };
            let mut open = self.added(open);
            open.lead = lead.trim_matches([' ', '\t']).to_owned();
            out.push(open);
            out.extend(value);
            out.push(self.added(")"));
            return Ok(out);
        }
        out.push(sign_piece);
        out.extend(value.out);
        Ok(out)
    }
}

pub fn closure_params(shape: &Shape) -> (bool, Option<Vec<String>>) {
    match shape {
        Shape::Closure { params, .. } => (true, Some(params.clone())),
        Shape::Function(_) => (true, None),
        _ => (false, None),
    }
}
