//! Statements that begin with a word: imports, returns, errors, deletions.

use super::{
    expression::Shape,
    lexer::{Kind, quoted},
    parser::{Parser, Read, Stop},
    pieces::{Content, Out, Piece, take_lead},
};

/// Modules of Python whose functions are here already.
const MODULES: [(&str, &str); 2] = [("numpy", "np"), ("math", "math")];

impl Parser<'_> {
    pub fn import(&mut self) -> Read<(Out, bool)> {
        let is_from = self.is("from");
        if !is_from && self.peek_at(1).kind == Kind::Text {
            return Err(Stop::Unreadable);
        }
        let start = self.at;
        let mut out = vec![self.take_as("")];
        let drop_token = |this: &mut Self, out: &mut Out| {
            let taken = this.take();
            out.push(Piece {
                lead: taken.lead.chars().filter(|c| *c == '\n').collect(),
                text: Content::Added(String::new()),
                ..taken
            });
        };
        loop {
            let (module, piece) = (self.peek().text.clone(), self.at);
            drop_token(self, &mut out);
            let mut path = module.clone();
            while self.is(".") && self.is_same_line() {
                drop_token(self, &mut out);
                path = format!("{path}.{}", self.peek().text);
                drop_token(self, &mut out);
            }
            let known = MODULES.iter().find(|(name, _)| *name == path);
            let is_harmless = matches!(
                path.as_str(),
                "typing"
                    | "__future__"
                    | "dataclasses"
                    | "collections"
                    | "itertools"
                    | "functools"
                    | "json"
                    | "statistics"
            );
            if is_from {
                if !self.is("import") {
                    return Err(Stop::Unreadable);
                }
                drop_token(self, &mut out);
                return self.imported(known.map(|(_, own)| *own), &path, is_harmless, piece, out);
            }
            let Some((_, own)) = known else {
                return self.no_module(&path, start);
            };
            let mut name = path.clone();
            if self.is("as") && self.is_same_line() {
                drop_token(self, &mut out);
                name = self.peek().text.clone();
                drop_token(self, &mut out);
            }
            if name != *own && (self.scopes.known.is_built_in)(&name) {
                return self.refuse_at(
                    start,
                    format!("`{name}` is built in and cannot be another module; choose another name"),
                    None,
                );
            }
            if name != *own {
                self.modules.insert(name, (*own).to_owned());
            }
            if !(self.is(",") && self.is_same_line()) {
                return Ok((out, true));
            }
            drop_token(self, &mut out);
        }
    }

    pub fn no_module<T>(&mut self, module: &str, at: usize) -> Read<T> {
        let instead = match module.split('.').next().unwrap_or(module) {
            "scipy" | "sklearn" => "np has norm, cdist, KDTree(points).query(p), median, percentile and more",
            "cv2" | "PIL" | "matplotlib" => "show(image, \"label\") shows a picture",
            "time" | "datetime" => "times are stamps of images: Metadata.newest_stamp",
            "random" => "cells compute the same every time",
            "os" | "sys" | "io" | "pathlib" | "subprocess" | "socket" | "requests" | "urllib" | "shutil" => {
                "cells reach no files, no network and no processes"
            }
            _ => "tools, InputImages, Metadata, np and math are in scope already",
        };
        self.refuse_at(at, format!("`import` is not available: there is no module {module}; {instead}"), None)
    }

    /// `from math import sqrt, pi as p`.
    pub fn imported(
        &mut self,
        own: Option<&'static str>,
        path: &str,
        is_harmless: bool,
        at: usize,
        mut out: Out,
    ) -> Read<(Out, bool)> {
        if own.is_none() && !is_harmless {
            return self.no_module(path, at);
        }
        let in_brackets = self.is("(");
        self.n_brackets += usize::from(in_brackets);
        let mut lets = Vec::new();
        while self.is_same_line() && !self.is(";") {
            let taken = self.take();
            let Content::Written(word) = &taken.text else { continue };
            if self.is("as") {
                self.n_brackets -= usize::from(in_brackets);
                return self.refuse("a name cannot be imported under another; use its own name");
            }
            let is_name = word.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
            if let Some(own) = own
                && is_name
                && !self.scopes.known.natives.contains(word)
            {
                let word_before = self.word_before(word);
                lets.push(Self::added_at(Some(&taken), format!(" {word_before}{word} = {own}.{word};")));
            }
            let is_close = word == ")";
            out.push(Piece {
                lead: taken.lead.chars().filter(|c| *c == '\n').collect(),
                text: Content::Added(String::new()),
                ..taken
            });
            if is_close {
                break;
            }
        }
        self.n_brackets -= usize::from(in_brackets);
        out.extend(lets);
        Ok((out, true))
    }

    /// `throw x`, `raise ValueError("x")`.
    pub fn raise(&mut self) -> Read<(Out, bool)> {
        if self.is("throw") {
            let mut out = vec![self.take()];
            if self.is_same_line() && !self.is(";") {
                out.extend(self.expression()?.out);
            }
            return Ok((out, false));
        }
        let at = self.at;
        let mut out = vec![self.take_as("throw")];
        if !self.is_same_line() || self.is(";") {
            return self.refuse_at(
                at,
                "`raise` needs what is wrong: `throw \"...\"`, or `throw e` in a catch block",
                None,
            );
        }
        let is_class = self.peek().is_word()
            && self.is_at(1, "(")
            && ["Error", "Exception", "Interrupt"].iter().any(|end| self.peek().text.ends_with(end));
        if is_class {
            let class = self.take();
            if self.is_at(1, ")") {
                let open = self.take_as("");
                let close = self.take_as("");
                let text = if let Content::Written(text) = &class.text { quoted(text) } else { quoted("error") };
                out.push(Piece { text: Content::Added(text), ..class });
                out.extend([open, close]);
            } else {
                out.push(Piece { text: Content::Added(String::new()), ..class });
                out.extend(self.expression()?.out);
            }
        } else {
            out.extend(self.expression()?.out);
        }
        Ok((out, false))
    }

    /// `assert c, "text"`.
    pub fn assert(&mut self) -> Read<(Out, bool)> {
        let word = self.take_as("if !(");
        let condition_start = self.at;
        let condition = self.expression()?;
        let shown = format!("it does not hold: {}", self.words(condition_start, self.at));
        let mut out = vec![word];
        out.extend(condition.out);
        if self.is(",") && self.is_same_line() {
            let comma = self.take_as(") { throw");
            out.push(comma);
            out.extend(self.expression()?.out);
        } else {
            out.push(self.added(format!(") {{ throw {}", quoted(&shown))));
        }
        out.push(self.added(" }"));
        Ok((out, true))
    }

    /// `del a[b]`, `del x`.
    pub fn delete(&mut self) -> Read<(Out, bool)> {
        let at = self.at;
        let word = self.take();
        let start = self.at;
        let mut place = self.expression()?;
        let lead = word.lead;
        match place.shape {
            Shape::Name(_) => {
                let dropped = take_lead(&mut place.out);
                if let Some(first) = place.out.first_mut() {
                    first.lead = lead + dropped.trim_matches([' ', '\t']);
                }
                place.out.push(self.added(" = ()"));
                Ok((place.out, false))
            }
            Shape::Path { root }
                if place.out.last().is_some_and(|last| matches!(&last.text, Content::Written(text) if text == "]")) =>
            {
                self.changed(&root, start)?;
                let mut out = place.out;
                let dropped = take_lead(&mut out);
                if let Some(first) = out.first_mut() {
                    first.lead = lead + dropped.trim_matches([' ', '\t']);
                }
                // The last bracket that opens belongs to the last one that closes.
                let mut depth = 0usize;
                for piece in out.iter_mut().rev() {
                    let Content::Written(text) = &piece.text else { continue };
                    match text.as_str() {
                        "]" => {
                            depth += 1;
                            if depth == 1 {
                                piece.text = Content::Added(")".to_owned());
                            }
                        }
                        "[" if depth == 1 => {
                            piece.text = Content::Added(".__delete(".to_owned());
                            break;
                        }
                        "[" => depth -= 1,
                        _ => {}
                    }
                }
                Ok((out, false))
            }
            _ => self.refuse_at(at, "`del` takes a variable, or an item such as d[key]", None),
        }
    }

    pub fn return_statement(&mut self) -> Read<(Out, bool)> {
        let mut out = vec![self.take()];
        if self.is_same_line() && !self.is(";") && !self.is("}") && !self.is(",") {
            out.extend(self.value()?.out);
        }
        Ok((out, false))
    }
}
