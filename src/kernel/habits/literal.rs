//! Values as they are written: names, texts, lists, dicts, comprehensions.

use super::{
    expression::{Expr, Shape},
    lexer::{Kind, Part, TextKind, quoted, tokens},
    names::ScopeKind,
    parser::{Parser, Read, Stop, is_keyword},
    pieces::{Content, Out, Piece, again, take_lead},
    reserved,
};

/// Functions that may be named without calling them: `map(str, xs)`, `sorted(xs, key=len)`.
const NAMEABLE: [&str; 23] = [
    "len", "str", "int", "float", "bool", "abs", "min", "max", "sum", "sorted", "round", "list", "tuple", "set",
    "dict", "mean", "median", "norm", "sqrt", "repr", "type", "any", "all",
];

impl Parser<'_> {
    pub fn primary(&mut self) -> Read<Expr> {
        let token = self.peek().clone();
        match token.kind {
            Kind::End => Err(Stop::Unreadable),
            Kind::Number => Ok(Expr::whole(vec![self.take()], Shape::Literal)),
            Kind::Text => self.text(),
            Kind::Word => self.name_or_keyword(&token.text),
            Kind::Sign => match token.text.as_str() {
                "(" => self.bracket(),
                "[" => self.list(),
                "#{" => self.map_literal("#{", false),
                "{" if self.is_dict() => self.dict(),
                "{" => {
                    let out = self.brace_block(Vec::new())?;
                    Ok(Expr::whole(out, Shape::Other))
                }
                "||" => {
                    let out = vec![self.take()];
                    self.closure_body(out, Vec::new())
                }
                "|" => self.rhai_closure(),
                "*" if self.n_brackets > 0 => self.refuse("lists cannot be spread with `*`; join them with `+`"),
                _ => Err(Stop::Unreadable),
            },
        }
    }

    pub fn rhai_closure(&mut self) -> Read<Expr> {
        let mut out = vec![self.take()];
        let mut params = Vec::new();
        while !self.is("|") {
            let (name, piece) = self.expect_word()?;
            params.push(name);
            out.push(piece);
            if self.is(",") {
                out.push(self.take());
            }
        }
        out.push(self.take());
        self.closure_body(out, params)
    }

    pub fn name_or_keyword(&mut self, word: &str) -> Read<Expr> {
        match word {
            "True" | "true" => return Ok(Expr::whole(vec![self.take_as("true")], Shape::Truth)),
            "False" | "false" => return Ok(Expr::whole(vec![self.take_as("false")], Shape::Truth)),
            "None" => return Ok(Expr::whole(vec![self.take_as("()")], Shape::Nothing)),
            "if" | "switch" | "loop" | "while" | "for" | "do" => {
                let out = self.in_block(|this| this.block_statement())?;
                return Ok(Expr::whole(out, Shape::Other));
            }
            "await" | "yield" => {
                return self.refuse(format!("`{word}` is not available; cells run from top to bottom"));
            }
            "lambda" => return self.lambda(),
            _ if is_keyword(word) => return Err(Stop::Unreadable),
            _ => {}
        }
        let mut piece = self.take();
        let module = self.modules.get(word).cloned();
        let name = module.unwrap_or_else(|| word.to_owned());
        if name != word {
            piece.text = Content::Added(name.clone());
        }
        if self.is("::") && self.is_same_line() {
            let mut out = vec![piece];
            while self.is("::") {
                out.push(self.take());
                out.push(self.take());
            }
            return Ok(Expr::whole(out, Shape::Other));
        }
        if self.is(":=") {
            return self.refuse("`:=` is not available; set the variable on its own line first");
        }
        let is_variable = self.scopes.read(&name) || (self.scopes.known.is_built_in)(&name);
        let is_nameable = NAMEABLE.contains(&name.as_str()) || self.is_function(&name);
        if !is_variable && is_nameable {
            piece.text = Content::Added(format!("Fn({})", quoted(&name)));
            return Ok(Expr::whole(vec![piece], Shape::Function(name)));
        }
        Ok(Expr::whole(vec![piece], Shape::Name(name)))
    }

    pub fn text(&mut self) -> Read<Expr> {
        let first = self.one_text()?;
        let mut texts = vec![first];
        while self.peek().kind == Kind::Text && self.is_same_line() {
            if self.peek().lead.is_empty() {
                return self.refuse(
                    "two texts stand side by side; join them with `+`, or write \\\" for a quote inside a text",
                );
            }
            texts.push(self.one_text()?);
        }
        if texts.len() == 1 {
            return Ok(Expr::whole(texts.pop().unwrap_or_default(), Shape::Text));
        }
        let mut out: Out = Vec::new();
        let n = texts.len();
        for (i, mut text) in texts.into_iter().enumerate() {
            if i == 0 {
                let mut open = Self::added_at(text.first(), "(");
                open.lead = take_lead(&mut text);
                out.push(open);
            } else {
                out.push(Self::added_at(text.first(), " +"));
            }
            out.extend(text);
            if i + 1 == n {
                out.push(self.added(")"));
            }
        }
        Ok(Expr::whole(out, Shape::Text))
    }

    pub fn one_text(&mut self) -> Read<Out> {
        let token = self.peek().clone();
        match token.text_kind {
            Some(TextKind::Plain { .. } | TextKind::Raw) | None => {
                let piece = self.take();
                Ok(vec![piece])
            }
            Some(TextKind::BackTicks { parts }) => {
                let start = self.take();
                let at = |text: String| Piece { lead: String::new(), text: Content::Written(text), ..start.clone() };
                let mut out = vec![Piece { text: Content::Written("`".to_owned()), ..start.clone() }];
                for part in parts {
                    match part {
                        Part::Words(words) => out.push(at(words)),
                        Part::Code { source, line, column, .. } => {
                            out.push(at("${".to_owned()));
                            out.extend(self.inner(&source, line, column)?);
                            out.push(at("}".to_owned()));
                        }
                    }
                }
                out.push(at("`".to_owned()));
                Ok(out)
            }
            Some(TextKind::Formatted { parts }) => {
                let start = self.take();
                let added = |text: String| Piece {
                    lead: String::new(),
                    text: Content::Added(text),
                    n_breaks_after: 0,
                    ..start.clone()
                };
                let mut sums: Vec<Out> = Vec::new();
                for part in parts {
                    match part {
                        Part::Words(words) if words.is_empty() => {}
                        Part::Words(words) => sums.push(vec![added(quoted(&words))]),
                        Part::Code { source, line, column, conversion, format } => {
                            if conversion == Some('=') {
                                sums.push(vec![added(quoted(&format!("{}=", source.trim_end())))]);
                            }
                            let function = match conversion {
                                Some('r' | '=') if format.is_empty() => "__repr(",
                                _ if format.is_empty() => "__str(",
                                _ => "__fmt(",
                            };
                            let mut out = vec![added(function.to_owned())];
                            out.extend(without_breaks(self.inner(&source, line, column)?));
                            if !format.is_empty() {
                                out.push(added(", ".to_owned()));
                                out.extend(self.format_text(format, &added)?);
                            }
                            out.push(added(")".to_owned()));
                            sums.push(out);
                        }
                    }
                }
                let n = sums.len();
                let mut out = vec![Piece {
                    n_breaks_after: 0,
                    text: Content::Added(if n == 1 { "" } else { "(" }.to_owned()),
                    ..start.clone()
                }];
                for (i, sum) in sums.into_iter().enumerate() {
                    if i > 0 {
                        out.push(added(" + ".to_owned()));
                    }
                    out.extend(sum);
                }
                let end = match n {
                    0 => "\"\")",
                    1 => "",
                    _ => ")",
                };
                out.push(Piece { n_breaks_after: start.n_breaks_after, ..added(end.to_owned()) });
                Ok(out)
            }
        }
    }

    /// `.2f`, or `.{n}f` put together.
    pub fn format_text(&mut self, format: Vec<Part>, added: &dyn Fn(String) -> Piece) -> Read<Out> {
        let mut out = Vec::new();
        let mut is_first = true;
        for part in format {
            let piece = match part {
                Part::Words(words) if words.is_empty() => continue,
                Part::Words(words) => vec![added(quoted(&words))],
                Part::Code { source, line, column, .. } => {
                    let mut inner = vec![added("__str(".to_owned())];
                    inner.extend(without_breaks(self.inner(&source, line, column)?));
                    inner.push(added(")".to_owned()));
                    inner
                }
            };
            if !std::mem::take(&mut is_first) {
                out.push(added(" + ".to_owned()));
            }
            out.extend(piece);
        }
        if out.is_empty() {
            out.push(added("\"\"".to_owned()));
        }
        Ok(out)
    }

    /// Code inside a text.
    pub fn inner(&mut self, source: &str, line: usize, column: usize) -> Read<Out> {
        let inner = match tokens(source, line, column) {
            Ok(mut inner) => {
                reserved::rename(&mut inner);
                inner
            }
            Err(mistake) => {
                self.mistakes.push(mistake);
                return Err(Stop::Refused);
            }
        };
        let (outer, at) = (std::mem::replace(&mut self.tokens, inner), std::mem::take(&mut self.at));
        let result = self.bracketed(|this| {
            let mut value = this.expression()?.out;
            if this.is(",") {
                return this.refuse("give one value to each pair of braces in a text");
            }
            if !this.is_end() {
                return Err(Stop::Unreadable);
            }
            let lead = this.peek().lead.clone();
            value.push(Piece { lead, ..this.added("") });
            Ok(value)
        });
        (self.tokens, self.at) = (outer, at);
        result
    }

    /// `(x)`, `(a, b)`, `()`, `(x for x in xs)`.
    pub fn bracket(&mut self) -> Read<Expr> {
        let open = self.take();
        let has_targets = self.push_comprehension_targets();
        let result = self.bracketed(|this| {
            if this.is(")") {
                let close = this.take();
                return Ok(Expr::whole(vec![open, close], Shape::Nothing));
            }
            let first = this.expression()?;
            if has_targets {
                let list = this.comprehension(first, Some(open))?;
                let close = this.expect(")")?;
                let mut out = list.out;
                out.push(Piece { text: Content::Added(String::new()), ..close });
                return Ok(Expr::whole(out, Shape::Other));
            }
            if this.is(")") {
                let mut out = vec![open];
                out.extend(first.out);
                out.push(this.take());
                let shape = match first.shape {
                    shape @ (Shape::Name(_)
                    | Shape::Path { .. }
                    | Shape::Nothing
                    | Shape::Literal
                    | Shape::Closure { .. }) => shape,
                    _ => Shape::Other,
                };
                // A name in brackets is still called as a value.
                let shape = if let Shape::Name(root) = shape { Shape::Path { root } } else { shape };
                return Ok(Expr::whole(out, shape));
            }
            let mut out = vec![Piece { text: Content::Added("[".to_owned()), ..open }];
            out.extend(first.out);
            let mut n = 1;
            while this.is(",") {
                out.push(this.take());
                if this.is(")") {
                    break;
                }
                out.extend(this.expression()?.out);
                n += 1;
            }
            let close = this.expect(")")?;
            out.push(Piece { text: Content::Added("]".to_owned()), ..close });
            Ok(Expr::whole(out, Shape::Tuple(n)))
        });
        if has_targets {
            self.scopes.pop();
        }
        result
    }

    pub fn list(&mut self) -> Read<Expr> {
        let open = self.take();
        let has_targets = self.push_comprehension_targets();
        let result = self.bracketed(|this| {
            let mut out = vec![open.clone()];
            let mut n = 0;
            while !this.is("]") {
                let item = this.expression()?;
                if has_targets && n == 0 {
                    let list = this.comprehension(item, Some(open))?;
                    let close = this.expect("]")?;
                    let mut out = list.out;
                    out.push(Piece { text: Content::Added(String::new()), ..close });
                    return Ok(Expr::whole(out, Shape::Other));
                }
                out.extend(item.out);
                n += 1;
                if this.is(",") {
                    out.push(this.take());
                } else if !this.is("]") {
                    return Err(Stop::Unreadable);
                }
            }
            out.push(this.take());
            Ok(Expr::whole(out, Shape::Tuple(n)))
        });
        if has_targets {
            self.scopes.pop();
        }
        result
    }

    /// Whether the bracket that was just opened holds a comprehension; its targets are then variables of a new scope.
    pub fn push_comprehension_targets(&mut self) -> bool {
        let mut depth = 0usize;
        let mut targets = Vec::new();
        let mut is_target = false;
        let mut n_closures = 0usize;
        for token in self.tokens.iter().skip(self.at) {
            match token.text.as_str() {
                _ if token.kind == Kind::End => break,
                _ if token.kind == Kind::Text => {}
                "(" | "[" | "{" | "#{" | "?[" => depth += 1,
                ")" | "]" | "}" if depth == 0 => break,
                ")" | "]" | "}" => depth -= 1,
                "," if depth == 0 && !is_target => break,
                ";" => break,
                "for" if depth == 0 && n_closures == 0 => is_target = true,
                "in" => is_target = false,
                word if is_target && token.is_word() => targets.push(word.to_owned()),
                "=>" => n_closures += 1,
                _ => {}
            }
        }
        if targets.is_empty() || self.is("for") {
            return false;
        }
        self.scopes.push(ScopeKind::Block);
        for target in targets {
            self.scopes.declare(&target);
        }
        true
    }

    /// `item for x in xs if c` as a block that fills a list.
    pub fn comprehension(&mut self, item: Expr, open: Option<Piece>) -> Read<Expr> {
        let list = self.temporary();
        let (clauses, n_blocks) = self.comprehension_clauses()?;
        let mut item_out = item.out;
        let lead = take_lead(&mut item_out);
        let mut start = match open {
            Some(open) => Piece { n_breaks_after: 0, ..open },
            None => Self::added_at(item_out.first(), ""),
        };
        start.text = Content::Added(format!("({{ let {list} = [];"));
        let mut out = vec![start];
        out.extend(clauses);
        let mut push = Self::added_at(item_out.first(), format!(" {list}.push("));
        push.lead = lead;
        out.push(push);
        out.extend(item_out);
        out.push(self.added(format!(");{} {list} }})", " }".repeat(n_blocks))));
        Ok(Expr::whole(out, Shape::Other))
    }

    /// `for x in xs if c for y in ys` as opened blocks, and how many.
    pub fn comprehension_clauses(&mut self) -> Read<(Out, usize)> {
        let mut out = Vec::new();
        let mut n_blocks = 0;
        while self.is("for") {
            let mut word = self.take();
            if word.lead.is_empty() {
                word.lead.push(' ');
            }
            let target = self.target()?;
            let word_in = self.expect("in")?;
            let before = std::mem::replace(&mut self.is_ternary_off, true);
            let items = self.logic_or();
            self.is_ternary_off = before;
            let items = items?;
            out.push(word);
            let (header, inside) = self.loop_variable(&target);
            out.extend(header);
            out.push(word_in);
            out.extend(items.out);
            out.push(self.added(" {"));
            out.extend(inside);
            n_blocks += 1;
            while self.is("if") {
                out.push(self.take());
                let before = std::mem::replace(&mut self.is_ternary_off, true);
                let condition = self.logic_or();
                self.is_ternary_off = before;
                out.extend(condition?.out);
                out.push(self.added(" {"));
                n_blocks += 1;
            }
        }
        if n_blocks == 0 { Err(Stop::Unreadable) } else { Ok((out, n_blocks)) }
    }

    /// Whether the brace that comes next opens a dict and not a block.
    pub fn is_dict(&self) -> bool {
        if self.is_at(1, "}") {
            return true;
        }
        let mut depth = 0usize;
        for ahead in 1..400 {
            let token = self.peek_at(ahead);
            if token.kind == Kind::End {
                return false;
            }
            if token.kind == Kind::Text {
                continue;
            }
            match token.text.as_str() {
                "(" | "[" | "{" | "#{" => depth += 1,
                ")" | "]" | "}" if depth == 0 => return false,
                ")" | "]" | "}" => depth -= 1,
                ":" if depth == 0 => return ahead > 1,
                ";" | "," | "=" | "=>" | "if" | "let" | "return" | "for" | "while" if depth == 0 => return false,
                _ => {}
            }
        }
        false
    }

    /// `{k: v}` as `__dict([[k, v]])`, `{k: v for ...}` as a block that fills one.
    pub fn dict(&mut self) -> Read<Expr> {
        let open = self.take();
        let has_targets = self.push_comprehension_targets();
        let result = self.bracketed(|this| {
            let mut out = vec![Piece { text: Content::Added("__dict([".to_owned()), ..open.clone() }];
            let mut n = 0;
            while !this.is("}") {
                if this.is("**") {
                    return this.refuse("dicts cannot be spread with `**`; use d.update(other)");
                }
                let mut key = this.expression()?;
                let colon = this.expect(":")?;
                let value = this.expression()?;
                if has_targets && n == 0 {
                    let (clauses, n_blocks) = this.comprehension_clauses()?;
                    let dict = this.temporary();
                    let close = this.expect("}")?;
                    let lead = take_lead(&mut key.out);
                    let mut out = vec![Piece { text: Content::Added(format!("({{ let {dict} = dict();")), ..open }];
                    out.extend(clauses);
                    let mut set = Self::added_at(key.out.first(), format!(" {dict}["));
                    set.lead = lead;
                    out.push(set);
                    out.extend(key.out);
                    out.push(Piece { text: Content::Added("] =".to_owned()), ..colon });
                    out.extend(value.out);
                    out.push(Piece { text: Content::Added(format!(";{} {dict} }})", " }".repeat(n_blocks))), ..close });
                    return Ok(Expr::whole(out, Shape::Other));
                }
                let mut pair = Self::added_at(key.out.first(), "[");
                pair.lead = take_lead(&mut key.out);
                out.push(pair);
                out.extend(key.out);
                out.push(Piece { text: Content::Added(",".to_owned()), ..colon });
                out.extend(value.out);
                out.push(this.added("]"));
                n += 1;
                if this.is(",") {
                    out.push(this.take());
                } else if !this.is("}") {
                    return Err(Stop::Unreadable);
                }
            }
            let close = this.take();
            out.push(Piece { text: Content::Added("])".to_owned()), ..close });
            Ok(Expr::whole(out, Shape::Other))
        });
        if has_targets {
            self.scopes.pop();
        }
        result
    }

    /// `#{k: v}`, or a dict literal that a tool takes as its options.
    pub fn map_literal(&mut self, text: &str, is_python: bool) -> Read<Expr> {
        let open = if is_python { self.take_as(text) } else { self.take() };
        let mut out = vec![open];
        self.bracketed(|this| {
            while !this.is("}") {
                if this.peek().is_word() && is_python {
                    return this.refuse("the names of options are texts: {\"text\": ...}");
                }
                if !(this.peek().is_word() || this.peek().kind == Kind::Text) {
                    return Err(Stop::Unreadable);
                }
                out.push(this.take());
                out.push(this.expect(":")?);
                out.extend(this.expression()?.out);
                if this.is(",") {
                    out.push(this.take());
                } else if !this.is("}") {
                    return Err(Stop::Unreadable);
                }
            }
            out.push(this.take());
            Ok(())
        })?;
        Ok(Expr::whole(out, Shape::Other))
    }
}

fn without_breaks(out: Out) -> Out {
    again(&out)
}
