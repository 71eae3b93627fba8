//! Whether a whole program can reach `ReturnAnswer` or `Refuse`: without one of them it could only end in vain.

use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Expr, FnPtr, Position, Stmt};

use super::static_check::Issue;

const ENDS: [&str; 2] = ["ReturnAnswer", "Refuse"];

/// The mistake, if there is one.
pub fn check(ast: &AST) -> Option<Issue> {
    let mut search = Search { ast, visited: BTreeSet::new() };
    if search.list(ast.statements()) {
        return None;
    }
    let mut unreached = None;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        unreached = path.last().and_then(called).filter(|(name, _)| ENDS.contains(name)).map(|(_, position)| position);
        unreached.is_none()
    });
    let (position, message) = match unreached {
        Some(position) => {
            (position, "this is never reached: something before it always leaves, or nothing calls its function")
        }
        None => (
            ast.statements().last().map_or(Position::NONE, Stmt::position),
            "the program never submits; there is no second turn, so end every path with ReturnAnswer(value) or Refuse(code, message)",
        ),
    };
    Some(Issue { position, message: message.to_owned() })
}

fn called<'a>(node: &ASTNode<'a>) -> Option<(&'a str, Position)> {
    match node {
        ASTNode::Stmt(Stmt::FnCall(call, position)) | ASTNode::Expr(Expr::FnCall(call, position)) => {
            Some((call.name.as_str(), *position))
        }
        _ => None,
    }
}

struct Search<'a> {
    ast: &'a AST,
    visited: BTreeSet<String>,
}

impl Search<'_> {
    fn list(&mut self, statements: &[Stmt]) -> bool {
        for statement in statements {
            if self.statement(statement) {
                return true;
            }
            if always_leaves(statement) {
                return false;
            }
        }
        false
    }

    fn statement(&mut self, statement: &Stmt) -> bool {
        match statement {
            Stmt::Block(block) => self.list(block.statements()),
            Stmt::If(flow, _) => {
                let is_always = matches!(flow.expr, Expr::BoolConstant(true, _));
                let is_never = matches!(flow.expr, Expr::BoolConstant(false, _));
                self.expression(&flow.expr)
                    || (!is_never && self.list(flow.body.statements()))
                    || (!is_always && self.list(flow.branch.statements()))
            }
            Stmt::While(flow, _) | Stmt::TryCatch(flow, _) | Stmt::Do(flow, ..) => {
                self.expression(&flow.expr) || self.list(flow.body.statements()) || self.list(flow.branch.statements())
            }
            Stmt::For(parts, _) => self.expression(&parts.2.expr) || self.list(parts.2.body.statements()),
            other => {
                let mut names = Vec::new();
                other.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
                    names.extend(path.last().and_then(name_of));
                    true
                });
                self.any_ends(names)
            }
        }
    }

    fn expression(&mut self, expression: &Expr) -> bool {
        let mut names = Vec::new();
        expression.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
            names.extend(path.last().and_then(name_of));
            true
        });
        self.any_ends(names)
    }

    fn any_ends(&mut self, names: Vec<String>) -> bool {
        names.into_iter().any(|name| ENDS.contains(&name.as_str()) || self.function(&name))
    }

    fn function(&mut self, name: &str) -> bool {
        if !self.visited.insert(name.to_owned()) {
            return false;
        }
        // Rhai hands out no statements of functions, but where they begin and end.
        let ranges: Vec<_> = self
            .ast
            .iter_fn_def()
            .filter(|function| function.name == name)
            .map(|function| (key(function.body.start_position()), key(function.body.end_position())))
            .collect();
        // The body of a closure without braces has no end of its own: what it calls is not known, so it may end the goal.
        if ranges.iter().any(|(start, end)| end <= start) {
            return true;
        }
        let mut names = Vec::new();
        self.ast.walk(&mut |path: &[ASTNode<'_>]| {
            let node = path.last();
            let is_inside = |position: Position| ranges.iter().any(|(a, b)| (*a..=*b).contains(&key(position)));
            if node.is_some_and(|node| is_inside(node.position())) {
                names.extend(node.and_then(name_of));
            }
            true
        });
        self.any_ends(names)
    }
}

fn key(position: Position) -> (Option<usize>, Option<usize>) {
    (position.line(), position.position())
}

/// The function that a node calls, or that a closure stands for.
fn name_of(node: &ASTNode<'_>) -> Option<String> {
    if let ASTNode::Expr(Expr::DynamicConstant(value, _)) = node {
        return value.read_lock::<FnPtr>().map(|function| function.fn_name().to_owned());
    }
    called(node).map(|(name, _)| name.to_owned())
}

/// Nothing after it in the same block runs.
fn always_leaves(statement: &Stmt) -> bool {
    let all = |statements: &[Stmt]| statements.iter().any(always_leaves);
    match statement {
        Stmt::Return(..) | Stmt::BreakLoop(..) => true,
        Stmt::Block(block) => all(block.statements()),
        Stmt::If(flow, _) => all(flow.body.statements()) && all(flow.branch.statements()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(source: &str) -> Option<String> {
        let mut engine = rhai::Engine::new();
        engine.set_optimization_level(rhai::OptimizationLevel::None);
        let ast = engine.compile(source).unwrap();
        check(&ast).map(|issue| format!("{:?} {}", issue.position, issue.message))
    }

    #[test]
    fn programs_that_can_end_pass() {
        for source in [
            "ReturnAnswer(1);",
            "let x = 1; if x > 0 { ReturnAnswer(x) } else { Refuse(\"NOT_VISIBLE\", \"no\") }",
            "try { f(); } catch (e) { Refuse(\"NO_ANSWER\", \"x\"); }",
            "for x in [1] { if x == 1 { ReturnAnswer(x); } }",
            "fn done(x) { ReturnAnswer(x) } done(3);",
            "let end_it = |x| ReturnAnswer(x); end_it.call(1);",
            "let y = 2; let end_it = |x| ReturnAnswer(x + y); end_it.call(1);",
            "switch 1 { 1 => ReturnAnswer(1), _ => Refuse(\"NO_ANSWER\", \"x\") }",
            "while true { ReturnAnswer(1); }",
            "if a() { return; } ReturnAnswer(1);",
            "let x = if a() { ReturnAnswer(1) } else { 2 };",
        ] {
            assert_eq!(verdict(source), None, "{source}");
        }
    }

    #[test]
    fn programs_that_cannot_end_are_told_where() {
        let check = |source: &str, place: &str, words: &str| {
            let found = verdict(source).unwrap_or_else(|| panic!("passes: {source}"));
            assert!(found.starts_with(place) && found.contains(words), "{source}\n{found}");
        };
        check("let x = 1;\nprint(x);", "2:1", "never submits");
        check("return 1;\nReturnAnswer(1);", "2:1", "never reached");
        check("fn done(x) { ReturnAnswer(x) }\nprint(1);", "1:14", "never reached");
        check("if false { ReturnAnswer(1) }", "1:12", "never reached");
        check("if a() { return } else { throw 1 }\nReturnAnswer(1);", "2:1", "never reached");
        check("fn f(x) { g(x) }\nfn g(x) { f(x) }\nf(1);", "3:1", "never submits");
        check("", "none", "never submits");
    }
}
