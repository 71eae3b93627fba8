//! Variables of the cell that a function uses: functions see only their parameters and what is built in, which Rhai notices only when
//! they run.

use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Expr, Position, Stmt};

use super::static_check::{Issue, variable_name};
use crate::tools::is_injected;

/// Each use of such a variable.
pub fn check(ast: &AST) -> Vec<Issue> {
    let mut issues = Vec::new();
    for function in ast.iter_fn_def().filter(|function| !function.name.starts_with("anon$")) {
        let (start, end) = (function.body.start_position(), function.body.end_position());
        let is_inside = |position: Position| position >= start && position <= end;
        let closures = ast.iter_fn_def().filter(|other| is_inside(other.body.start_position()));
        let mut own: BTreeSet<String> = function
            .params
            .iter()
            .chain(closures.flat_map(|closure| closure.params.iter()))
            .map(ToString::to_string)
            .collect();
        let mut used: Vec<(String, Position)> = Vec::new();
        ast.walk(&mut |path: &[ASTNode<'_>]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Var(x, ..))) if is_inside(x.0.pos) => {
                    own.insert(x.0.name.to_string());
                }
                Some(ASTNode::Stmt(Stmt::For(x, ..))) if is_inside(x.0.pos) => {
                    own.insert(x.0.name.to_string());
                    own.extend(x.1.iter().map(|counter| counter.name.to_string()));
                }
                Some(ASTNode::Stmt(Stmt::TryCatch(x, ..))) => {
                    own.extend(variable_name(&x.expr).map(ToOwned::to_owned));
                }
                Some(ASTNode::Expr(Expr::Variable(variable, _, position))) if is_inside(*position) => {
                    used.push((variable.1.to_string(), *position));
                }
                _ => {}
            }
            true
        });
        for (name, position) in used {
            if !own.contains(&name) && !is_injected(&name) {
                let message = format!(
                    "function `{}` does not see the variable `{name}`; pass it as a parameter, or write a closure |a| ...",
                    function.name
                );
                issues.push(Issue { position, message });
            }
        }
    }
    issues
}
