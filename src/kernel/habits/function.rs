//! Functions of Rhai and of Python.

use super::{
    expression::own_statement,
    names::ScopeKind,
    parser::{Parser, Read, Stop},
    pieces::{Content, Out, Piece, again, breaks, plain},
};

impl Parser<'_> {
    /// `fn f(a) { ... }` and `def f(a, b=1): ...`.
    pub fn function(&mut self) -> Read<(Out, bool)> {
        let indent = self.peek().indent;
        let start = self.at;
        let mut out = Vec::new();
        if self.is("private") {
            out.push(self.take());
        }
        let is_python = self.is("def");
        let word = self.take();
        let name_at = self.at;
        let (name, name_piece) = self.expect_word()?;
        let (mut params, defaults, header) = self.params(&name)?;
        let is_nested = !self.scopes.is_cell_level();
        let call_later = params.clone();
        self.scopes.push(ScopeKind::Function);
        let mut inside = Vec::new();
        for param in &params {
            self.scopes.declare(param);
            let doubt = self.scopes.doubt();
            let origin = format!("what `{name}` is called with");
            self.scopes.set(param, Some((origin.clone(), doubt)));
            inside.push(self.if_doubted(doubt, own_statement(param, &origin)));
        }
        let full = std::mem::take(&mut params);
        self.functions.entry(name.clone()).or_default().push(full.clone());
        for n in 0..defaults.len() {
            let fewer = full.iter().take(full.len() - defaults.len() + n).cloned().collect();
            self.functions.entry(name.clone()).or_default().push(fewer);
        }
        let body_start = self.at;
        let body = self.block_in_scope(indent, inside);
        let body_end = self.at;
        let scope = self.scopes.pop();
        let mut body = body?;
        let (hoisted, captured) = scope.map(|scope| (scope.hoisted, scope.captured)).unwrap_or_default();
        if !hoisted.is_empty() {
            let at = 1.min(body.len());
            body.insert(at, Self::added_at(body.first(), hoisted_text(&hoisted)));
        }
        if is_python && let Some(last) = body.last_mut() {
            // Without `return` a function of Python gives nothing.
            last.text = Content::Added("; return }".to_owned());
        }
        let becomes_closure = is_nested || (is_python && !captured.is_empty());
        if !becomes_closure {
            out.push(if is_python { Piece { text: Content::Added("fn".to_owned()), ..word } } else { word });
            out.push(name_piece);
            out.extend(header);
            out.extend(body);
            for (n, _) in defaults.iter().enumerate() {
                let given: Vec<String> =
                    call_later.iter().take(call_later.len() - defaults.len() + n).cloned().collect();
                let values: Vec<String> = defaults.iter().skip(n).map(|default| plain(default)).collect();
                let all: Vec<String> = given.iter().cloned().chain(values).collect();
                out.push(self.added(format!(" fn {name}({}) {{ {name}({}) }}", given.join(", "), all.join(", "))));
            }
            return Ok((out, true));
        }
        self.functions.remove(&name);
        let seen: Vec<String> = captured.iter().map(|name| format!("`{name}`")).collect();
        if self
            .tokens
            .get(body_start..body_end)
            .unwrap_or_default()
            .iter()
            .any(|token| token.is_word() && token.text == name)
        {
            let message = format!(
                "function `{name}` calls itself and uses {} of the cell, which cannot both be; pass them as parameters",
                if seen.is_empty() { "variables".to_owned() } else { seen.join(", ") }
            );
            return self.refuse_at(name_at, message, None);
        }
        if !defaults.is_empty() {
            let message = format!(
                "function `{name}` uses {} of the cell and has parameters with a default, which cannot both be; pass every value",
                if seen.is_empty() { "variables".to_owned() } else { seen.join(", ") }
            );
            return self.refuse_at(start, message, None);
        }
        let word_before = self.word_before(&name);
        let mut open = Piece { text: Content::Added(word_before.to_owned()), ..word };
        let mut name_piece = name_piece;
        if word_before.is_empty() {
            name_piece.lead = std::mem::take(&mut open.lead);
        } else {
            out.push(open);
            name_piece.lead.clear();
        }
        out.push(name_piece);
        out.push(self.added(" = "));
        let mut header = header;
        let n_header = header.len();
        for (i, piece) in header.iter_mut().enumerate() {
            if i == 0 || i + 1 == n_header {
                piece.text = Content::Added("|".to_owned());
            }
        }
        out.extend(header);
        out.extend(body);
        self.scopes.set(&name, None);
        self.note_closure(&name, true, Some(call_later));
        Ok((out, false))
    }

    /// `(a, b: float, c=1) -> float`: names, defaults of the last ones, and what goes to Rhai.
    pub fn params(&mut self, function: &str) -> Read<(Vec<String>, Vec<Out>, Out)> {
        let mut out = vec![self.expect("(")?];
        let mut params = Vec::new();
        let mut defaults: Vec<Out> = Vec::new();
        self.bracketed(|this| {
            while !this.is(")") {
                if this.is("*") || this.is("**") || this.is("/") {
                    return this.refuse(format!(
                        "`{function}` takes a fixed number of parameters; pass a list for several values"
                    ));
                }
                this.no_reserved_name()?;
                let (name, piece) = this.expect_word()?;
                params.push(name);
                out.push(piece);
                if this.is(":") {
                    let mut depth = 0usize;
                    while depth > 0 || !(this.is(",") || this.is(")") || this.is("=")) {
                        if this.is_end() {
                            return Err(Stop::Unreadable);
                        }
                        match this.peek().text.as_str() {
                            "(" | "[" => depth += 1,
                            ")" | "]" => depth = depth.saturating_sub(1),
                            _ => {}
                        }
                        out.extend(breaks([&this.take()]));
                    }
                }
                if this.is("=") {
                    let equals = this.take();
                    let value = this.expression()?;
                    out.extend(breaks(std::iter::once(&equals).chain(&value.out)));
                    defaults.push(again(&value.out));
                } else if !defaults.is_empty() {
                    return this.refuse("parameters without a default come first");
                }
                if this.is(",") {
                    out.push(this.take());
                } else if !this.is(")") {
                    return Err(Stop::Unreadable);
                }
            }
            out.push(this.take());
            Ok(())
        })?;
        while self.is("->") || (!self.is(":") && !self.is("{") && self.is_same_line()) {
            let taken = self.take();
            out.push(Piece { lead: String::new(), text: Content::Added(String::new()), ..taken });
        }
        // What follows the bracket that closes is dropped; the bracket has to be last.
        while out.len() > 1
            && matches!(&out.last().map(|last| &last.text), Some(Content::Added(text)) if text.is_empty())
        {
            out.pop();
        }
        Ok((params, defaults, out))
    }
}

/// Variables that a block may set first.
pub fn hoisted_text(names: &[String]) -> String {
    names.iter().map(|name| format!(" let {name} = __unset();")).collect()
}
