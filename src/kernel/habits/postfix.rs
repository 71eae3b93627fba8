//! What stands behind a value: calls with their arguments, properties, indexes and slices.

use super::{
    expression::{Expr, Shape},
    lexer::{Kind, quoted},
    parser::{Parser, Read, Stop, is_keyword},
    pieces::{Content, Out, Piece, plain, take_lead},
    reserved::RESERVED,
};

/// Methods that change what they are called on.
const CHANGING: [&str; 28] = [
    "push",
    "append",
    "insert",
    "extend",
    "pop",
    "shift",
    "remove",
    "sort",
    "reverse",
    "clear",
    "splice",
    "truncate",
    "chop",
    "pad",
    "fill_with",
    "mixin",
    "update",
    "setdefault",
    "popitem",
    "dedup",
    "sort_by",
    "order",
    "order_desc",
    "sort_desc",
    "order_by",
    "nd_set",
    "add",
    "discard",
];

/// Functions that take an array's rows one by one in Python, while its methods of the same name take all values.
const OF_ROWS: [&str; 5] = ["sum", "min", "max", "any", "all"];

/// `name=value` of a call: the name, where it stands, the value, and the comma behind it.
type Keyword = (String, Piece, Out, Option<Piece>);

impl Parser<'_> {
    pub fn member_of(&mut self, mut value: Expr) -> Read<Expr> {
        let root = root_of(&value.shape);
        let is_of_type = matches!(&value.shape, Shape::Call { name, .. } if name == "type");
        if is_of_type && self.is_at(1, "__name__") {
            // A type is a text here already.
            value.out.push(self.take_as(""));
            value.out.push(self.take_as(""));
            return Ok(value);
        }
        value.out.push(self.take());
        let name_at = self.at;
        let name = self.peek().text.clone();
        value.out.push(self.take());
        if !(self.is("(") && self.is_same_line()) {
            let shape = match root {
                Some(root) => Shape::Path { root },
                None => Shape::Other,
            };
            return Ok(Expr::whole(value.out, shape));
        }
        let receiver =
            plain(&value.out).rsplit_once(['.', '?']).map(|(receiver, _)| receiver.trim_end_matches('?').to_owned());
        let is_plain = matches!(value.shape, Shape::Name(_) | Shape::Path { .. });
        if is_plain
            && CHANGING.contains(&name.as_str())
            && let Some(root) = &root
        {
            self.changed(root, name_at)?;
        }
        let of_tool = root.as_deref() == Some("tools") || root.as_deref() == Some("vlm");
        let args = self.arguments(&name, of_tool, None)?;
        value.out.extend(args);
        // What a call gives back belongs to nobody else.
        Ok(Expr::whole(value.out, Shape::Call { name, receiver: receiver.filter(|_| is_plain) }))
    }

    /// `name` is changed in place at token `at`.
    pub fn changed(&mut self, name: &str, at: usize) -> Read<()> {
        if self.scopes.is_constant(name) {
            let message = format!(
                "`{name}` is a constant, and this would change a copy of it; make it a variable: let {name} = ..."
            );
            return self.refuse_at(at, message, None);
        }
        if (self.scopes.known.is_built_in)(name) {
            return Ok(());
        }
        self.scopes.changed_in_place(name);
        // The other way round: what was set to this variable's value would have changed with it.
        for (copy, doubt) in self.scopes.copies_of(name) {
            let is_used_later = self.tokens.iter().skip(at).any(|token| token.is_word() && token.text == copy);
            if is_used_later && let Some(doubt) = self.scopes.doubts.get_mut(doubt) {
                doubt.is_confirmed = true;
            }
        }
        Ok(())
    }

    pub fn call_of(&mut self, mut value: Expr) -> Read<Expr> {
        let (Shape::Name(name) | Shape::Function(name)) = value.shape.clone() else {
            // The value of an expression is called: a closure in a list, in a map or just made.
            value.out.push(self.added(".call"));
            value.out.extend(self.arguments("", false, None)?);
            return Ok(Expr::whole(value.out, Shape::Call { name: String::new(), receiver: None }));
        };
        if let Shape::Function(_) = value.shape
            && let Some(last) = value.out.last_mut()
        {
            last.text = Content::Written(name.clone());
        }
        let is_variable = self.scopes.read(&name);
        let is_known_function = self.is_function(&name) || self.scopes.known.natives.contains(&name);
        let mut params = None;
        if is_variable && (self.scopes.is_closure(&name) || !is_known_function) {
            params =
                self.scopes.variable(&name).and_then(|variable| variable.params.clone()).map(|params| vec![params]);
            value.out.push(self.added(".call"));
        } else if let Some(own) = self.functions.get(&name).or_else(|| self.scopes.known.functions.get(&name)) {
            params = Some(own.clone());
        } else if name == "isinstance" {
            value.out.extend(self.isinstance()?);
            return Ok(Expr::whole(value.out, Shape::Other));
        } else if name == "type"
            && let Some(last) = value.out.last_mut()
        {
            last.text = Content::Added("__type".to_owned());
        } else if OF_ROWS.contains(&name.as_str())
            && self.has_one_argument()
            && let Some(last) = value.out.last_mut()
        {
            last.text = Content::Added(format!("__{name}"));
        }
        let of_tool = matches!(name.as_str(), "ReturnAnswer" | "Refuse" | "show");
        value.out.extend(self.arguments(&name, of_tool, params)?);
        Ok(Expr::whole(value.out, Shape::Call { name, receiver: None }))
    }

    /// Whether the brackets that follow hold one value.
    fn has_one_argument(&self) -> bool {
        let mut depth = 0usize;
        for at in self.at.. {
            let Some(token) = self.tokens.get(at).filter(|token| token.kind != Kind::End) else { return false };
            match token.text.as_str() {
                _ if token.kind != Kind::Sign => {}
                "(" | "[" | "{" | "#{" | "?[" => depth += 1,
                ")" | "]" | "}" if depth == 1 => return at > self.at + 1,
                ")" | "]" | "}" => depth -= 1,
                "," | "=" if depth == 1 => return false,
                _ => {}
            }
        }
        false
    }

    /// `(x, list)` with the types as texts.
    pub fn isinstance(&mut self) -> Read<Out> {
        let mut out = vec![self.expect("(")?];
        self.bracketed(|this| {
            out.extend(this.expression()?.out);
            out.push(this.expect(",")?);
            if this.is("(") || this.is("[") {
                out.push(this.take_as("["));
                while !(this.is(")") || this.is("]")) {
                    out.extend(this.type_name()?);
                    if this.is(",") {
                        out.push(this.take());
                    }
                }
                out.push(this.take_as("]"));
            } else {
                out.extend(this.type_name()?);
            }
            out.push(this.expect(")")?);
            Ok(())
        })?;
        Ok(out)
    }

    pub fn type_name(&mut self) -> Read<Out> {
        if self.peek().kind == Kind::Text {
            return Ok(vec![self.take()]);
        }
        let (name, mut piece) = self.expect_word()?;
        let mut last = name;
        while self.is(".") && self.peek_at(1).is_word() {
            self.take();
            last = self.peek().text.clone();
            self.take();
        }
        piece.text = Content::Added(quoted(&last));
        Ok(vec![piece])
    }

    /// `(a, b, k=v)`: keyword arguments go into a map at the end, or to their places in a function of the cell.
    pub fn arguments(&mut self, name: &str, of_tool: bool, params: Option<Vec<Vec<String>>>) -> Read<Out> {
        let mut out = vec![self.expect("(")?];
        self.bracketed(|this| {
            let mut n_positional = 0;
            let mut keywords: Vec<Keyword> = Vec::new();
            while !this.is(")") {
                if this.is("*") || this.is("**") {
                    return this.refuse("arguments cannot be spread with `*`; pass them one by one");
                }
                if this.is("&") {
                    return this.refuse("values are passed without `&`");
                }
                let is_keyword_argument = this.peek().is_word() && this.is_at(1, "=") && !is_keyword(&this.peek().text);
                if is_keyword_argument {
                    let word = this.peek().text.clone();
                    let piece = this.take();
                    let equals = this.take();
                    let mut value = this.argument(of_tool)?.out;
                    if let Some(first) = value.first_mut() {
                        first.lead.insert_str(0, &equals.lead);
                    }
                    let comma = this.is(",").then(|| this.take());
                    keywords.push((word, piece, value, comma));
                    continue;
                }
                if !keywords.is_empty() {
                    return this.refuse("arguments with a name come last");
                }
                out.extend(this.argument(of_tool)?.out);
                n_positional += 1;
                if this.is(",") {
                    out.push(this.take());
                } else if !this.is(")") {
                    return Err(Stop::Unreadable);
                }
            }
            if keywords.is_empty() {
                out.push(this.take());
                return Ok(());
            }
            match params {
                Some(params) => this.by_place(name, &params, n_positional, keywords, &mut out)?,
                None if name == "print" => this.printed(keywords, &mut out),
                None => this.as_map(keywords, &mut out),
            }
            out.push(this.take());
            Ok(())
        })?;
        Ok(out)
    }

    pub fn argument(&mut self, of_tool: bool) -> Read<Expr> {
        if of_tool && self.is("{") && self.is_dict() {
            return self.map_literal("#{", true);
        }
        let has_targets = self.push_comprehension_targets();
        let value = self.expression();
        if !has_targets {
            return value;
        }
        let value = value.and_then(|value| self.comprehension(value, None));
        self.scopes.pop();
        value
    }

    pub fn as_map(&mut self, keywords: Vec<Keyword>, out: &mut Out) {
        let n = keywords.len();
        for (i, (word, mut piece, value, comma)) in keywords.into_iter().enumerate() {
            if i == 0 {
                let mut open = Self::added_at(Some(&piece), "#{");
                open.lead = std::mem::take(&mut piece.lead);
                out.push(open);
            }
            piece.text = Content::Added(format!("{}:", map_key(&word)));
            out.push(piece);
            out.extend(value);
            match comma {
                Some(comma) if i + 1 < n => out.push(comma),
                // A comma at the end is dropped, not its line breaks.
                Some(comma) => out.push(Piece { text: Content::Added(String::new()), ..comma }),
                None => {}
            }
        }
        out.push(self.added("}"));
    }

    /// `print(a, b, sep=", ")` as `print(__joined([a, b], #{sep: ", "}))`.
    pub fn printed(&mut self, keywords: Vec<Keyword>, out: &mut Out) {
        let open = Self::added_at(out.first(), "__joined([");
        out.insert(1, open);
        if let Some(last) = out.last_mut()
            && matches!(&last.text, Content::Written(text) if text == ",")
        {
            last.text = Content::Added(String::new());
        }
        out.push(self.added("], "));
        self.as_map(keywords, out);
        out.push(self.added(")"));
    }

    pub fn by_place(
        &mut self,
        name: &str,
        params: &[Vec<String>],
        n_positional: usize,
        keywords: Vec<Keyword>,
        out: &mut Out,
    ) -> Read<()> {
        let n = n_positional + keywords.len();
        let Some(params) = params.iter().find(|params| params.len() == n) else {
            let longest = params.iter().max_by_key(|params| params.len()).cloned().unwrap_or_default();
            return self.refuse(format!("`{name}` takes ({}); give each of them", longest.join(", ")));
        };
        let mut keywords: Vec<Option<Keyword>> = keywords.into_iter().map(Some).collect();
        for (place, param) in params.iter().enumerate().skip(n_positional) {
            let found = keywords.iter_mut().find(|entry| entry.as_ref().is_some_and(|(word, ..)| word == param));
            let Some((_, piece, value, comma)) = found.and_then(Option::take) else {
                let message = format!("`{name}` takes ({}); `{param}` is missing", params.join(", "));
                return self.refuse(message);
            };
            out.push(Piece { text: Content::Added(String::new()), ..piece });
            out.extend(value);
            if place + 1 < n {
                out.push(match comma {
                    Some(comma) => comma,
                    None => self.added(", "),
                });
            } else if let Some(comma) = comma {
                out.push(Piece { text: Content::Added(String::new()), ..comma });
            }
        }
        Ok(())
    }

    /// `[...]` behind a value.
    pub fn index_of(&mut self, value: Expr, start: usize) -> Read<Expr> {
        let root = root_of(&value.shape);
        let end_of_receiver = self.at;
        let open = self.take();
        let (items, close) = self.bracketed(|this| {
            let mut items = Vec::new();
            while !this.is("]") {
                items.push(this.index_item()?);
                if this.is(",") {
                    let comma = this.take();
                    if let Some(IndexItem { out, .. }) = items.last_mut() {
                        out.push(Piece { text: Content::Added(String::new()), ..comma });
                    }
                    if this.is("]") {
                        return Err(Stop::Unreadable);
                    }
                } else if !this.is("]") {
                    return Err(Stop::Unreadable);
                }
            }
            let close = this.take();
            Ok((items, close))
        })?;
        let mut out = value.out;
        let n_receiver = out.len();
        match items.as_slice() {
            [] => Err(Stop::Unreadable),
            [IndexItem { is_slice: false, .. }] => {
                out.push(open);
                out.extend(items.into_iter().flat_map(|item| item.out));
                out.push(close);
                let shape = match root {
                    Some(root) => Shape::Path { root },
                    None => Shape::Other,
                };
                Ok(Expr::whole(out, shape))
            }
            [IndexItem { is_slice: true, .. }] => {
                out.push(Piece { text: Content::Added(".slice(".to_owned()), ..open });
                out.extend(items.into_iter().flat_map(|item| item.out));
                out.push(Piece { text: Content::Added(")".to_owned()), ..close });
                Ok(Expr::whole(out, Shape::Slice { n_receiver, root, is_nd: false }))
            }
            _ => {
                if items.iter().any(|item| item.is_nothing) {
                    let receiver = self.words(start, end_of_receiver);
                    return self.refuse_at(
                        end_of_receiver,
                        format!("an index cannot be None or `...`; give every axis, or use {receiver}.reshape(...)"),
                        None,
                    );
                }
                out.push(Piece { text: Content::Added(".nd([".to_owned()), ..open });
                let n = items.len();
                for (i, item) in items.into_iter().enumerate() {
                    let mut item_out = item.out;
                    if item.is_slice {
                        let mut open = Self::added_at(item_out.first(), "[");
                        open.lead = take_lead(&mut item_out);
                        let is_everything = item.is_everything;
                        if is_everything {
                            out.push(Piece { text: Content::Added("()".to_owned()), ..open });
                            out.extend(
                                item_out
                                    .into_iter()
                                    .map(|piece| Piece { text: Content::Added(String::new()), ..piece }),
                            );
                        } else {
                            out.push(open);
                            out.extend(item_out);
                            out.push(self.added("]"));
                        }
                    } else if item.is_literal {
                        out.extend(item_out);
                    } else {
                        // A list here is a choice of places; in `nd` a list is a slice.
                        let mut open = Self::added_at(item_out.first(), "__places(");
                        open.lead = take_lead(&mut item_out);
                        out.push(open);
                        out.extend(item_out);
                        out.push(self.added(")"));
                    }
                    if i + 1 < n {
                        out.push(self.added(", "));
                    }
                }
                out.push(Piece { text: Content::Added("])".to_owned()), ..close });
                Ok(Expr::whole(out, Shape::Slice { n_receiver, root, is_nd: true }))
            }
        }
    }

    /// An expression whose `..` is not its own.
    fn bound(&mut self) -> Read<Expr> {
        let is_range_off = std::mem::replace(&mut self.is_range_off, true);
        let value = self.expression();
        self.is_range_off = is_range_off;
        value
    }

    /// `a..b`, `a..=b`, `a..` between brackets are slices as well.
    fn end_of_range(&mut self, mut out: Out, n_given: usize) -> Read<IndexItem> {
        let is_inclusive = self.is("..=");
        let mut sign = self.take_as(", ");
        sign.lead.clear();
        out.push(sign);
        if self.is("]") || self.is(",") {
            out.push(self.added("()"));
            return Ok(IndexItem {
                out,
                is_slice: true,
                is_everything: n_given == 0,
                is_nothing: false,
                is_literal: false,
            });
        }
        if is_inclusive {
            out.push(self.added("1 + ("));
        }
        out.extend(self.bound()?.out);
        if is_inclusive {
            out.push(self.added(")"));
        }
        Ok(IndexItem { out, is_slice: true, is_everything: false, is_nothing: false, is_literal: false })
    }

    /// One item of an index: an expression or `a:b:c`.
    fn index_item(&mut self) -> Read<IndexItem> {
        if self.is("...") {
            let piece = self.take();
            return Ok(IndexItem {
                out: vec![piece],
                is_slice: false,
                is_everything: false,
                is_nothing: true,
                is_literal: false,
            });
        }
        let mut out: Out = Vec::new();
        let mut n_given = 0;
        let is_nothing;
        if !(self.is(":") || self.is("::") || self.is("..") || self.is("..=")) {
            let value = self.bound()?;
            is_nothing = value.shape == Shape::Nothing;
            let is_literal = value.shape == Shape::Literal;
            out.extend(value.out);
            n_given = 1;
            if !(self.is(":") || self.is("::") || self.is("..") || self.is("..=")) {
                return Ok(IndexItem { out, is_slice: false, is_everything: false, is_nothing, is_literal });
            }
        } else {
            out.push(self.added("()"));
        }
        if self.is("..") || self.is("..=") {
            return self.end_of_range(out, n_given);
        }
        let mut n_parts = 1;
        while self.is(":") || self.is("::") {
            let is_double = self.is("::");
            let mut colon = self.take_as(if is_double { ", (), " } else { ", " });
            if colon.lead.trim_matches([' ', '\t']).is_empty() {
                colon.lead.clear();
            }
            out.push(colon);
            n_parts += if is_double { 2 } else { 1 };
            if self.is(":") || self.is("::") || self.is(",") || self.is("]") {
                if !(self.is(":") || self.is("::")) || !is_double {
                    out.push(self.added("()"));
                }
            } else {
                out.extend(self.expression()?.out);
                n_given += 1;
            }
        }
        if n_parts > 3 {
            return Err(Stop::Unreadable);
        }
        Ok(IndexItem { out, is_slice: true, is_everything: n_given == 0, is_nothing: false, is_literal: false })
    }
}

struct IndexItem {
    out: Out,
    is_slice: bool,
    /// `:` alone.
    is_everything: bool,
    /// None or `...`.
    is_nothing: bool,
    /// A plain number.
    is_literal: bool,
}

fn root_of(shape: &Shape) -> Option<String> {
    match shape {
        Shape::Name(root) | Shape::Path { root } => Some(root.clone()),
        _ => None,
    }
}

/// A key of a map: words of Rhai need quotes.
fn map_key(word: &str) -> String {
    if !RESERVED.contains(&word) { word.to_owned() } else { quoted(word) }
}
