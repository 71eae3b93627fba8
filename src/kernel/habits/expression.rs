//! Operators of Rhai and Python, with the precedence of Python.

use super::{
    lexer::{Kind, quoted},
    names::ScopeKind,
    parser::{Parser, Read, Stop},
    pieces::{Content, Out, Piece, again, breaks, plain, take_lead},
};

/// An expression that was read.
pub struct Expr {
    pub out: Out,
    pub shape: Shape,
    /// The operator on top, when it is not in brackets.
    pub top: Top,
}

/// What an expression is, as far as it matters around it.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A name alone.
    Name(String),
    /// Something inside a variable: `a.b`, `a[0]`.
    Path {
        root: String,
    },
    /// `a[1:2]`, `a[:, 0]`: the receiver's pieces come first.
    Slice {
        n_receiver: usize,
        root: Option<String>,
        is_nd: bool,
    },
    /// A function that is named and not called.
    Function(String),
    /// `f(...)` or `x.f(...)`.
    Call {
        name: String,
        receiver: Option<String>,
    },
    Tuple(usize),
    Closure {
        params: Vec<String>,
        has_captured: bool,
    },
    Literal,
    Text,
    Nothing,
    Truth,
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub enum Top {
    /// Brackets, a name, a call.
    Whole,
    Power,
    Sign,
    Arithmetic,
    Shift,
    Bits,
    Comparison,
    Logic,
    Lowest,
}

impl Expr {
    pub fn whole(out: Out, shape: Shape) -> Expr {
        Expr { out, shape, top: Top::Whole }
    }

    pub fn other(out: Out, top: Top) -> Expr {
        Expr { out, shape: Shape::Other, top }
    }
}

impl Parser<'_> {
    /// One expression; not a tuple without brackets.
    pub fn expression(&mut self) -> Read<Expr> {
        self.deeper(Self::ternary)
    }

    pub fn ternary(&mut self) -> Read<Expr> {
        if self.is("lambda") {
            return self.lambda();
        }
        let mut value = self.logic_or()?;
        if self.is_ternary_off || !self.is("if") || !self.is_same_line() {
            return Ok(value);
        }
        // `x if c else y` as `(if c { x } else { y })`.
        let lead = take_lead(&mut value.out);
        let mut word_if = self.take_as("(if");
        let if_lead = std::mem::replace(&mut word_if.lead, lead);
        let condition = self.logic_or()?;
        if !self.is("else") {
            return Err(Stop::Unreadable);
        }
        let mut word_else = self.take_as("} else {");
        word_else.lead.insert(0, ' ');
        let otherwise = self.deeper(Self::ternary)?;
        let mut out = vec![word_if];
        out.extend(condition.out);
        out.push(Self::added_at(value.out.first(), format!(" {{{if_lead}")));
        out.extend(value.out);
        out.push(word_else);
        out.extend(otherwise.out);
        out.push(self.added(" })"));
        Ok(Expr::whole(out, Shape::Other))
    }

    pub fn lambda(&mut self) -> Read<Expr> {
        let mut out = vec![self.take_as("|")];
        let mut params = Vec::new();
        while !self.is(":") {
            if self.is("*") || self.is("**") || self.is_at(1, "=") {
                return self.refuse("a closure takes plain parameters only; pass every value: `lambda a, b: a + b`");
            }
            let (name, mut piece) = self.expect_word()?;
            if params.is_empty() {
                piece.lead.clear();
            }
            params.push(name);
            out.push(piece);
            if self.is(",") {
                out.push(self.take());
            } else if !self.is(":") {
                return Err(Stop::Unreadable);
            }
        }
        out.push(self.take_as("|"));
        self.closure_body(out, params)
    }

    /// What follows the parameters of a closure.
    pub fn closure_body(&mut self, mut out: Out, params: Vec<String>) -> Read<Expr> {
        self.scopes.push(ScopeKind::Closure);
        let mut doubts = Vec::new();
        for param in &params {
            self.scopes.declare(param);
            let doubt = self.scopes.doubt();
            self.scopes.set(param, Some(("what it is called with".to_owned(), doubt)));
            doubts.push((param.clone(), doubt));
        }
        let guards: Out = doubts
            .iter()
            .map(|(param, doubt)| self.if_doubted(*doubt, own_statement(param, "what it is called with")))
            .collect();
        let body = if self.is("{") && !self.is_dict() {
            self.brace_block(guards)
        } else {
            let open: Out = doubts
                .iter()
                .map(|(param, doubt)| {
                    self.if_doubted(*doubt, format!("{{ {}", own_statement(param, "what it is called with")))
                })
                .collect();
            let close: Out = doubts.iter().map(|(_, doubt)| self.if_doubted(*doubt, " }")).collect();
            self.expression().map(|mut body| {
                let mut out = open;
                let lead = take_lead(&mut body.out);
                // The lead stands before what may be put in.
                if let Some(first) = out.first_mut().or(body.out.first_mut()) {
                    first.lead = lead;
                }
                out.extend(body.out);
                out.extend(close);
                out
            })
        };
        let scope = self.scopes.pop();
        out.extend(body?);
        let has_captured = scope.is_some_and(|scope| !scope.captured.is_empty());
        Ok(Expr { out, shape: Shape::Closure { params, has_captured }, top: Top::Lowest })
    }

    pub fn logic_or(&mut self) -> Read<Expr> {
        self.logic("or", "||", Self::logic_and)
    }

    pub fn logic_and(&mut self) -> Read<Expr> {
        self.logic("and", "&&", Self::logic_not)
    }

    pub fn logic(&mut self, word: &str, sign: &str, part: fn(&mut Self) -> Read<Expr>) -> Read<Expr> {
        let mut left = part(self)?;
        while self.continues() && (self.is(word) || self.is(sign)) {
            let operator = self.take_as(sign);
            let right = part(self)?;
            left.out.push(operator);
            left.out.extend(right.out);
            left = Expr::other(left.out, Top::Logic);
        }
        Ok(left)
    }

    pub fn logic_not(&mut self) -> Read<Expr> {
        if !self.is("not") {
            return self.comparison();
        }
        let mut operator = self.take_as("!");
        let operand = self.deeper(Self::logic_not)?;
        let mut out = Vec::new();
        let mut inner = operand.out;
        let lead = take_lead(&mut inner);
        if lead.contains('\n')
            && let Some(first) = inner.first_mut()
        {
            first.lead = lead;
        }
        let is_plain = operand.top == Top::Whole && operand.shape != Shape::Other;
        if !is_plain {
            operator.text = Content::Added("!(".to_owned());
        }
        out.push(operator);
        out.extend(inner);
        if !is_plain {
            out.push(self.added(")"));
        }
        Ok(Expr::other(out, Top::Sign))
    }

    /// The comparison that comes next, with how many tokens it has.
    pub fn comparison_sign(&self) -> Option<(&'static str, usize)> {
        if !self.continues() {
            return None;
        }
        let next = self.peek();
        if next.kind == Kind::Sign {
            if next.is("!") && self.is_at(1, "in") {
                return Some(("!in", 2));
            }
            return ["<", "<=", ">", ">=", "==", "!="]
                .into_iter()
                .find(|sign| next.text == *sign)
                .map(|sign| (sign, 1));
        }
        match next.text.as_str() {
            _ if !next.is_word() => None,
            "in" => Some(("in", 1)),
            "not" if self.is_at(1, "in") => Some(("!in", 2)),
            "is" if self.is_at(1, "not") => Some(("is not", 2)),
            "is" => Some(("is", 1)),
            _ => None,
        }
    }

    pub fn comparison(&mut self) -> Read<Expr> {
        let start = self.at;
        let first = self.bits()?;
        let Some(_) = self.comparison_sign() else { return Ok(first) };
        let mut parts = vec![first];
        let mut signs: Vec<(&'static str, Piece, usize)> = Vec::new();
        while let Some((sign, n_tokens)) = self.comparison_sign() {
            let at = self.at;
            let mut piece = self.take_as(sign);
            for _ in 1..n_tokens {
                let more = self.take();
                piece.lead.push_str(more.lead.trim_matches([' ', '\t']));
            }
            signs.push((sign, piece, at));
            parts.push(self.bits()?);
        }
        if let Some(mixed) = parts.iter().position(|part| matches!(part.top, Top::Bits | Top::Shift)) {
            let shown = parts.get(mixed).map(|part| plain(&part.out)).unwrap_or_default();
            let end = self.at;
            let instead = bracketed_masks(&self.words(start, end));
            let fix = instead.and_then(|instead| self.corrected(start, end, &instead));
            return self.refuse_at(
                start,
                format!("`{shown}` beside a comparison means different things in different languages; put each comparison in brackets"),
                fix,
            );
        }
        if signs.len() == 1 {
            let (right, left) = (parts.pop(), parts.pop());
            if let (Some(left), Some(right), Some((sign, piece, at))) = (left, right, signs.pop()) {
                return self.one_comparison(left, sign, piece, right, at);
            }
            return Err(Stop::Unreadable);
        }
        self.chained(start, parts, signs)
    }

    pub fn one_comparison(&mut self, left: Expr, sign: &str, mut piece: Piece, right: Expr, at: usize) -> Read<Expr> {
        let is_equality = matches!(sign, "is" | "is not" | "==" | "!=");
        if is_equality && right.shape == Shape::Nothing {
            let negated = if matches!(sign, "is not" | "!=") { "!" } else { "" };
            let mut out = left.out;
            let lead = take_lead(&mut out);
            let mut open = Self::added_at(Some(&piece), format!("{negated}__is_none("));
            open.lead = lead;
            let kept = breaks(std::iter::once(&piece).chain(&right.out));
            out.insert(0, open);
            out.push(self.added(")"));
            out.extend(kept);
            return Ok(Expr::whole(out, Shape::Other));
        }
        let is_of_type = |expr: &Expr| matches!(&expr.shape, Shape::Call { name, .. } if name == "type");
        let (left, right) = if is_of_type(&left) {
            (left, as_type_name(right))
        } else if is_of_type(&right) {
            (as_type_name(left), right)
        } else {
            (left, right)
        };
        if sign == "is" || sign == "is not" {
            let plain_sign = if sign == "is" { "==" } else { "!=" };
            let is_clear = matches!(right.shape, Shape::Truth | Shape::Text);
            if !is_clear {
                let fix = self.corrected(at, at + if sign == "is" { 1 } else { 2 }, plain_sign);
                return self.refuse_at(
                    at,
                    "`is` compares identities, which values here do not have; compare with `==`",
                    fix,
                );
            }
            piece.text = Content::Added(plain_sign.to_owned());
        }
        let mut out = left.out;
        out.push(piece);
        out.extend(right.out);
        Ok(Expr::other(out, Top::Comparison))
    }

    /// `a < b < c` as `(a < b && b < c)`, when the middle can be said twice.
    pub fn chained(&mut self, start: usize, parts: Vec<Expr>, signs: Vec<(&'static str, Piece, usize)>) -> Read<Expr> {
        let n_parts = parts.len();
        let is_simple = |expr: &Expr| {
            expr.top == Top::Whole
                && matches!(expr.shape, Shape::Name(_) | Shape::Path { .. } | Shape::Literal | Shape::Text)
        };
        let middles_are_simple = parts.iter().take(n_parts - 1).skip(1).all(is_simple);
        if !middles_are_simple || signs.iter().any(|(sign, ..)| sign.contains("is") || sign.contains("in")) {
            let texts: Vec<String> = parts.iter().map(|part| plain(&part.out)).collect();
            let pairs: Vec<String> = signs
                .iter()
                .zip(texts.windows(2))
                .filter_map(|((sign, ..), pair)| match pair {
                    [a, b] => Some(format!("{a} {sign} {b}")),
                    _ => None,
                })
                .collect();
            let instead = pairs.join(" && ");
            let fix = self.corrected(start, self.at, &instead);
            return self.refuse_at(start, format!("comparisons cannot be chained here; write `{instead}`"), fix);
        }
        let mut out = Vec::new();
        let mut before: Option<Out> = None;
        let mut signs = signs.into_iter();
        for part in parts {
            let repeat = again(&part.out);
            match before.take() {
                None => {
                    let mut part = part.out;
                    let mut open = Self::added_at(part.first(), "(");
                    open.lead = take_lead(&mut part);
                    out.push(open);
                    out.extend(part);
                }
                Some(mut left) => {
                    let Some((_, sign, _)) = signs.next() else { return Err(Stop::Unreadable) };
                    // The first comparison has its left side already.
                    if signs.len() + 2 < n_parts {
                        take_lead(&mut left);
                        out.push(Self::added_at(left.first(), " && "));
                        out.extend(left);
                    }
                    out.push(sign);
                    out.extend(part.out);
                }
            }
            before = Some(repeat);
        }
        out.push(self.added(")"));
        Ok(Expr::whole(out, Shape::Other))
    }

    pub fn bits(&mut self) -> Read<Expr> {
        let mut left = self.shift()?;
        while self.continues() && (self.is("|") || self.is("^") || self.is("&")) {
            let operator = self.take();
            let right = self.shift()?;
            left.out.push(operator);
            left.out.extend(right.out);
            left = Expr::other(left.out, Top::Bits);
        }
        Ok(left)
    }

    pub fn shift(&mut self) -> Read<Expr> {
        let mut left = self.range()?;
        while self.continues() && (self.is("<<") || self.is(">>") || self.is("??")) {
            let operator = self.take();
            let right = self.range()?;
            left.out.push(operator);
            left.out.extend(right.out);
            left = Expr::other(left.out, Top::Shift);
        }
        Ok(left)
    }

    pub fn range(&mut self) -> Read<Expr> {
        let mut left = self.sum()?;
        if !self.is_range_off && self.continues() && (self.is("..") || self.is("..=")) {
            left.out.push(self.take());
            left.out.extend(self.sum()?.out);
            left = Expr::other(left.out, Top::Arithmetic);
        }
        Ok(left)
    }

    pub fn sum(&mut self) -> Read<Expr> {
        let mut left = self.product()?;
        while self.continues() && (self.is("+") || self.is("-")) {
            let operator = self.take();
            let right = self.product()?;
            left.out.push(operator);
            left.out.extend(right.out);
            left = Expr::other(left.out, Top::Arithmetic);
        }
        Ok(left)
    }

    pub fn product(&mut self) -> Read<Expr> {
        let mut left = self.signed()?;
        loop {
            if self.continues() && self.is("@") {
                let lead = take_lead(&mut left.out);
                let mut open = Self::added_at(left.out.first(), "matmul(");
                open.lead = lead;
                let comma = self.take_as(",");
                let right = self.signed()?;
                let mut out = vec![open];
                out.extend(left.out);
                out.push(comma);
                out.extend(right.out);
                out.push(self.added(")"));
                left = Expr::whole(out, Shape::Other);
                continue;
            }
            if !(self.continues() && (self.is("*") || self.is("/") || self.is("%"))) {
                return Ok(left);
            }
            let operator = self.take();
            let right = self.signed()?;
            left.out.push(operator);
            left.out.extend(right.out);
            left = Expr::other(left.out, Top::Arithmetic);
        }
    }

    pub fn signed(&mut self) -> Read<Expr> {
        if !(self.is("-") || self.is("+") || self.is("!") || self.is("~")) {
            return self.power();
        }
        let is_minus = self.is("-") || self.is("+");
        let mut operator = if self.is("~") { self.take_as("!") } else { self.take() };
        let operand = self.deeper(Self::signed)?;
        let mut out = Vec::new();
        let is_power = operand.top == Top::Power && is_minus;
        if is_power {
            // The sign belongs to the whole power; Rhai would take it for the base's.
            let sign = if let Content::Written(sign) = &operator.text { sign.clone() } else { "-".to_owned() };
            operator.text = Content::Added(format!("{sign}("));
        }
        let is_literal = operand.shape == Shape::Literal && !is_power;
        out.push(operator);
        out.extend(operand.out);
        if is_power {
            out.push(self.added(")"));
        }
        let shape = if is_literal { Shape::Literal } else { Shape::Other };
        let top = if is_literal { Top::Whole } else { Top::Sign };
        Ok(Expr { out, shape, top })
    }

    pub fn power(&mut self) -> Read<Expr> {
        let mut base = self.postfix()?;
        if self.continues() && self.is("**") {
            base.out.push(self.take());
            base.out.extend(self.deeper(Self::signed)?.out);
            base = Expr::other(base.out, Top::Power);
        }
        Ok(base)
    }

    /// Whether an operator may follow here: on a new line only where the line is further in, or it can be nothing else.
    pub fn continues(&self) -> bool {
        if self.is_end() {
            return false;
        }
        if self.is_same_line() {
            return true;
        }
        let next = self.peek();
        let is_ambiguous = ["-", "+", "|", "||", "!", "&", "*"].contains(&next.text.as_str()) || next.is_word();
        !is_ambiguous || next.indent > self.statement_indent
    }

    pub fn postfix(&mut self) -> Read<Expr> {
        let start = self.at;
        let mut value = self.primary()?;
        loop {
            let is_here = self.is_same_line();
            if is_here && self.is("(") {
                value = self.call_of(value)?;
            } else if is_here && (self.is("[") || self.is("?[")) {
                value = self.index_of(value, start)?;
            } else if (self.is(".") || self.is("?.")) && self.peek_at(1).is_word() {
                value = self.member_of(value)?;
            } else {
                return Ok(value);
            }
        }
    }
}

/// `__own(name, ...);` as a statement: the variable may hold a copy of `origin`.
pub fn own_statement(name: &str, origin: &str) -> String {
    format!(" {};", own_call(name, name, origin, &format!("{name} = {name}.copy()")))
}

/// Has the kernel look at `value`; `fix` is the line that makes it the variable's own.
pub fn own_call(value: &str, name: &str, origin: &str, fix: &str) -> String {
    format!("__own({value}, {}, {}, {})", quoted(name), quoted(origin), quoted(fix))
}

/// A type's name as a text.
fn as_type_name(mut expr: Expr) -> Expr {
    if let Shape::Function(name) | Shape::Name(name) = &expr.shape {
        let text = quoted(name);
        if let Some(last) = expr.out.last_mut() {
            last.text = Content::Added(text);
        }
        expr.shape = Shape::Text;
    }
    expr
}

/// `a > 1 & b < 2` with brackets around the comparisons.
fn bracketed_masks(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut part = String::new();
    let mut depth = 0usize;
    for c in text.chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 && matches!(c, '&' | '|') {
            out.push_str(&format!("({}) {c} ", part.trim()));
            part.clear();
        } else {
            part.push(c);
        }
    }
    let all_compare = text.split(['&', '|']).all(|part| part.contains(['<', '>', '=']));
    (!out.is_empty() && all_compare).then(|| format!("{out}({})", part.trim()))
}
