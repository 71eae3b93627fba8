//! Which names are variables where, which of them were set to another's value, and which are changed in place.
//!
//! Python hands lists and dicts on by reference, Rhai copies them. A copy that is changed in place would silently differ, so each
//! variable that may be such a copy and is changed in place is a *doubt*, which the kernel settles when it runs: a number or a
//! shared value passes, a list does not.

use std::collections::{BTreeMap, BTreeSet};

/// What is known of the kernel before the cell.
#[derive(Clone, Debug)]
pub struct Names<'a> {
    /// Names that every cell of the kernel finds in scope.
    pub injected: &'a BTreeSet<String>,
    /// Variables of earlier cells.
    pub variables: BTreeSet<&'a str>,
    /// Those of them that hold a closure.
    pub closures: BTreeSet<&'a str>,
    /// Those of them that are constants of a cell.
    pub constants: BTreeSet<&'a str>,
    /// Names that a cell finds in scope and may not set.
    pub is_built_in: fn(&str) -> bool,
    /// Functions of earlier cells with their parameters.
    pub functions: &'a BTreeMap<String, Vec<Vec<String>>>,
    /// Functions of the kernel.
    pub natives: &'a BTreeSet<String>,
    /// Variables of earlier cells that were set to another's value, with what that was.
    pub aliases: &'a BTreeMap<String, String>,
}

impl Names<'_> {
    /// Whether the name is in scope before the cell.
    pub fn is_variable(&self, name: &str) -> bool {
        self.variables.contains(name) || self.injected.contains(name)
    }
}

/// One variable of a scope.
#[derive(Clone, Debug, Default)]
pub struct Variable {
    pub is_closure: bool,
    pub is_constant: bool,
    /// Parameters, when it is a closure of this cell.
    pub params: Option<Vec<String>>,
    settings: Vec<Setting>,
}

/// One `x = ...`.
#[derive(Clone, Debug)]
struct Setting {
    block: usize,
    /// What it was set to, when that may be another's value, and the doubt it raises.
    alias: Option<(String, usize)>,
}

/// What a scope belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeKind {
    Cell,
    Block,
    /// Sees what is around it.
    Closure,
    /// A function: sees only its parameters. One of Python reads what is around it, and sets only its own.
    Function,
}

#[derive(Debug)]
pub struct Scope {
    pub kind: ScopeKind,
    pub block: usize,
    pub variables: BTreeMap<String, Variable>,
    /// Variables to be made where the function or cell begins.
    pub hoisted: Vec<String>,
    /// Variables of the cell that a function reads.
    pub captured: BTreeSet<String>,
}

/// A value that may be a copy, and what is said if it is one that was changed.
#[derive(Clone, Debug)]
pub struct Doubt {
    pub is_confirmed: bool,
}

/// All scopes around the present place.
#[derive(Debug)]
pub struct Scopes<'a> {
    pub known: &'a Names<'a>,
    scopes: Vec<Scope>,
    n_blocks: usize,
    pub doubts: Vec<Doubt>,
    /// Doubts about variables of earlier cells, by name.
    pub earlier: BTreeMap<String, usize>,
}

impl<'a> Scopes<'a> {
    pub fn new(known: &'a Names<'a>) -> Scopes<'a> {
        let mut scopes =
            Scopes { known, scopes: Vec::new(), n_blocks: 0, doubts: Vec::new(), earlier: BTreeMap::new() };
        scopes.push(ScopeKind::Cell);
        for (name, origin) in known.aliases {
            let doubt = scopes.doubt();
            scopes.earlier.insert(name.clone(), doubt);
            let mut variable = Variable { is_closure: known.closures.contains(name.as_str()), ..Variable::default() };
            variable.settings.push(Setting { block: 0, alias: Some((origin.clone(), doubt)) });
            if let Some(cell) = scopes.scopes.first_mut() {
                cell.variables.insert(name.clone(), variable);
            }
        }
        scopes
    }

    pub fn push(&mut self, kind: ScopeKind) {
        let block = self.n_blocks;
        self.n_blocks += 1;
        self.scopes.push(Scope {
            kind,
            block,
            variables: BTreeMap::new(),
            hoisted: Vec::new(),
            captured: BTreeSet::new(),
        });
    }

    pub fn pop(&mut self) -> Option<Scope> {
        self.scopes.pop()
    }

    pub fn doubt(&mut self) -> usize {
        self.doubts.push(Doubt { is_confirmed: false });
        self.doubts.len() - 1
    }

    /// Makes a variable in the innermost scope.
    pub fn declare(&mut self, name: &str) -> &mut Variable {
        let at = self.scopes.len().saturating_sub(1);
        self.declare_in(at, name)
    }

    fn declare_in(&mut self, at: usize, name: &str) -> &mut Variable {
        // There is always the cell's scope.
        if self.scopes.is_empty() {
            self.push(ScopeKind::Cell);
        }
        let at = at.min(self.scopes.len() - 1);
        let scope = &mut self.scopes[at];
        let variable = scope.variables.entry(name.to_owned()).or_default();
        *variable = Variable::default();
        variable
    }

    /// The scope of the innermost function, closure or the cell.
    fn function_scope(&self) -> usize {
        self.scopes.iter().rposition(|scope| scope.kind != ScopeKind::Block).unwrap_or(0)
    }

    /// Whether a statement here stands directly in its function, closure or cell.
    pub fn is_outermost(&self) -> bool {
        self.function_scope() + 1 == self.scopes.len()
    }

    pub fn is_cell_level(&self) -> bool {
        self.scopes.len() == 1
    }

    /// Makes a variable where the function begins, because it is first set inside a block.
    pub fn hoist(&mut self, name: &str) {
        let at = self.function_scope();
        if let Some(scope) = self.scopes.get_mut(at) {
            scope.hoisted.push(name.to_owned());
        }
        self.declare_in(at, name);
    }

    pub fn hoisted_of_cell(&self) -> &[String] {
        self.scopes.first().map_or(&[], |scope| scope.hoisted.as_slice())
    }

    /// Whether `name = ...` here sets a variable that is there already.
    pub fn can_set(&self, name: &str) -> bool {
        for scope in self.scopes.iter().rev() {
            if scope.variables.contains_key(name) {
                return true;
            }
            if scope.kind == ScopeKind::Function {
                return false;
            }
        }
        self.known.is_variable(name)
    }

    /// Whether `name` is a variable that can be read here; a function remembers what it reads from around it.
    pub fn read(&mut self, name: &str) -> bool {
        let found = self.find(name);
        let Some(found) = found else { return false };
        for scope in self.scopes.iter_mut().skip(found.map_or(0, |at| at + 1)) {
            if scope.kind == ScopeKind::Function {
                scope.captured.insert(name.to_owned());
            }
        }
        true
    }

    /// The scope that holds it; `Some(None)` when it is one of an earlier cell.
    fn find(&self, name: &str) -> Option<Option<usize>> {
        match self.scopes.iter().rposition(|scope| scope.variables.contains_key(name)) {
            Some(at) => Some(Some(at)),
            None => self.known.is_variable(name).then_some(None),
        }
    }

    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.scopes.iter().rev().find_map(|scope| scope.variables.get(name))
    }

    pub fn variable_mut(&mut self, name: &str) -> Option<&mut Variable> {
        self.scopes.iter_mut().rev().find_map(|scope| scope.variables.get_mut(name))
    }

    pub fn is_closure(&self, name: &str) -> bool {
        match self.variable(name) {
            Some(variable) => variable.is_closure,
            None => self.known.closures.contains(name),
        }
    }

    pub fn is_constant(&self, name: &str) -> bool {
        match self.variable(name) {
            Some(variable) => variable.is_constant,
            None => self.known.constants.contains(name),
        }
    }

    /// Remembers that `name` was set here, and to what if that may be another's value.
    pub fn set(&mut self, name: &str, alias: Option<(String, usize)>) {
        let block = self.scopes.last().map_or(0, |scope| scope.block);
        if self.variable(name).is_none() && self.known.is_variable(name) {
            let is_closure = self.known.closures.contains(name);
            let variable = self.declare_in(0, name);
            variable.is_closure = is_closure;
        }
        if let Some(variable) = self.variable_mut(name) {
            variable.settings.push(Setting { block, alias });
        }
    }

    /// The variable is changed in place here: doubts about it are confirmed. What it may be a copy of.
    pub fn changed_in_place(&mut self, name: &str) -> Option<String> {
        let open: Vec<usize> = self.scopes.iter().map(|scope| scope.block).collect();
        let variable = self.variable(name)?;
        let mut confirmed = Vec::new();
        let mut origin = None;
        for setting in variable.settings.iter().rev() {
            match &setting.alias {
                Some((what, doubt)) => {
                    confirmed.push(*doubt);
                    origin = Some(what.clone());
                }
                // Set anew on every way to this place.
                None if open.contains(&setting.block) => break,
                None => {}
            }
        }
        for doubt in confirmed {
            if let Some(doubt) = self.doubts.get_mut(doubt) {
                doubt.is_confirmed = true;
            }
        }
        origin
    }

    /// Variables that were set to the value of `name` and still have it, with their doubts.
    pub fn copies_of(&self, name: &str) -> Vec<(String, usize)> {
        let mut found = Vec::new();
        for scope in &self.scopes {
            for (other, variable) in &scope.variables {
                if let Some(Setting { alias: Some((origin, doubt)), .. }) = variable.settings.last()
                    && origin == name
                {
                    found.push((other.clone(), *doubt));
                }
            }
        }
        found
    }

    /// Variables of the cell that end as another's value.
    pub fn aliases(&self) -> BTreeMap<String, String> {
        let Some(cell) = self.scopes.first() else { return BTreeMap::new() };
        cell.variables
            .iter()
            .filter_map(|(name, variable)| {
                let Setting { alias, .. } = variable.settings.last()?;
                alias.as_ref().map(|(origin, _)| (name.clone(), origin.clone()))
            })
            .collect()
    }
}
