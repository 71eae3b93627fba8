//! Several variables set at once.

use super::{
    expression::Expr,
    lexer::quoted,
    parser::{Parser, Read, Stop},
    pieces::{Content, Out, Piece},
};

/// What a loop or a setting names: one variable or several.
#[derive(Clone, Debug)]
pub enum Target {
    One(String, Piece),
    Several { targets: Vec<Target>, is_in_brackets: bool, breaks: Out },
}

impl Parser<'_> {
    /// `x`, `i, x`, `(i, (a, b))`.
    pub fn target(&mut self) -> Read<Target> {
        let first = self.one_target()?;
        if !self.is(",") {
            return Ok(first);
        }
        let mut targets = vec![first];
        let mut breaks = Vec::new();
        while self.is(",") {
            breaks.push(self.take_as(""));
            targets.push(self.one_target()?);
        }
        Ok(Target::Several { targets, is_in_brackets: false, breaks })
    }

    pub fn one_target(&mut self) -> Read<Target> {
        if self.is("(") || self.is("[") {
            let close = if self.is("(") { ")" } else { "]" };
            let mut breaks = vec![self.take_as("")];
            let mut targets = Vec::new();
            self.n_brackets += 1;
            while !self.is(close) {
                match self.one_target() {
                    Ok(target) => targets.push(target),
                    Err(stop) => {
                        self.n_brackets -= 1;
                        return Err(stop);
                    }
                }
                if self.is(",") {
                    breaks.push(self.take_as(""));
                } else if !self.is(close) {
                    self.n_brackets -= 1;
                    return Err(Stop::Unreadable);
                }
            }
            self.n_brackets -= 1;
            breaks.push(self.take_as(""));
            return Ok(Target::Several { targets, is_in_brackets: true, breaks });
        }
        let (name, piece) = self.expect_word()?;
        Ok(Target::One(name, piece))
    }

    /// What stands behind `for`, and what the body begins with. The variables are made in the scope that is open.
    pub fn loop_variable(&mut self, target: &Target) -> (Out, Out) {
        match target {
            Target::One(name, piece) => {
                self.scopes.declare(name);
                (vec![piece.clone()], Vec::new())
            }
            Target::Several { .. } => {
                let item = self.temporary();
                let mut header = self.added(item.clone());
                header.lead = first_lead(target);
                let mut inside = breaks_of(target);
                self.unpack(target, &item, &mut inside, true);
                (vec![header], inside)
            }
        }
    }

    /// Statements that take `value` apart into `target`.
    pub fn unpack(&mut self, target: &Target, value: &str, out: &mut Out, is_local: bool) {
        let Target::Several { targets, breaks, .. } = target else { return };
        let items = self.temporary();
        let at = breaks.first().cloned();
        let names: Vec<String> = targets.iter().map(target_text).collect();
        let text = format!(" let {items} = __unpack({value}, {}, {});", targets.len(), quoted(&names.join(", ")));
        out.push(Self::added_at(at.as_ref(), text));
        for (place, target) in targets.iter().enumerate() {
            match target {
                Target::One(name, piece) => {
                    let word = if is_local {
                        self.scopes.declare(name);
                        "let "
                    } else {
                        self.word_before(name)
                    };
                    self.scopes.set(name, None);
                    out.push(Self::added_at(Some(piece), format!(" {word}{name} = {items}[{place}];")));
                }
                Target::Several { .. } => self.unpack(target, &format!("{items}[{place}]"), out, is_local),
            }
        }
    }

    /// `let ` where a variable is first set; variables first set inside a block are made where the function begins.
    pub fn word_before(&mut self, name: &str) -> &'static str {
        if self.scopes.can_set(name) || (self.scopes.known.is_built_in)(name) {
            return "";
        }
        if self.scopes.is_outermost() {
            self.scopes.declare(name);
            return "let ";
        }
        self.scopes.hoist(name);
        ""
    }

    /// `a, b` or `(a, b)` before `=`, when that is what comes.
    pub fn several_targets(&mut self) -> Option<Target> {
        let could_be = (self.peek().is_word() && self.is_at(1, ",")) || self.is("(") || self.is("[");
        if !could_be {
            return None;
        }
        let n_brackets = self.n_brackets;
        let target = self.target();
        self.n_brackets = n_brackets;
        match target {
            Ok(target @ Target::Several { .. }) if self.is("=") && self.is_same_line() => Some(target),
            _ => None,
        }
    }

    pub fn several(&mut self, target: Target, equals: Piece, value: Expr, word: Option<Piece>) -> Out {
        let items = self.temporary();
        let lead = match (&word, &target) {
            (Some(word), _) => word.lead.clone(),
            (None, target) => first_lead(target),
        };
        let mut out = Vec::new();
        let mut open = Self::added_at(Some(&equals), format!("let {items} ="));
        open.lead = lead;
        out.push(open);
        out.extend(breaks_of(&target));
        if equals.lead.contains('\n') {
            out.push(Piece { text: Content::Added(String::new()), ..equals.clone() });
        }
        out.extend(value.out);
        out.push(self.added(";"));
        let is_local = word.is_some();
        self.unpack(&target, &items, &mut out, is_local);
        // The statement ends like any other.
        if let Some(last) = out.last_mut()
            && let Content::Added(text) = &mut last.text
            && text.ends_with(';')
        {
            text.pop();
        }
        out
    }
}

fn target_text(target: &Target) -> String {
    match target {
        Target::One(name, _) => name.clone(),
        Target::Several { targets, .. } => {
            format!("({})", targets.iter().map(target_text).collect::<Vec<_>>().join(", "))
        }
    }
}

fn first_lead(target: &Target) -> String {
    match target {
        Target::One(_, piece) => piece.lead.clone(),
        Target::Several { targets, is_in_brackets, breaks } => match (is_in_brackets, breaks.first()) {
            (true, Some(open)) => open.lead.clone(),
            _ => targets.first().map(first_lead).unwrap_or_default(),
        },
    }
}

/// Line breaks inside a target, which is said again elsewhere.
fn breaks_of(target: &Target) -> Out {
    let mut leads = Vec::new();
    collect_leads(target, &mut leads);
    leads
        .into_iter()
        .skip(1)
        .filter(|piece| piece.lead.contains('\n'))
        .map(|piece| Piece { text: Content::Added(String::new()), ..piece })
        .collect()
}

fn collect_leads(target: &Target, leads: &mut Out) {
    match target {
        Target::One(_, piece) => leads.push(piece.clone()),
        Target::Several { targets, breaks, is_in_brackets } => {
            let mut breaks = breaks.iter();
            if *is_in_brackets {
                leads.extend(breaks.next().cloned());
            }
            for target in targets {
                collect_leads(target, leads);
                leads.extend(breaks.next().cloned());
            }
            leads.extend(breaks.cloned());
        }
    }
}
