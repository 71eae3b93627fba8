//! Whether a program that is run once can submit at all.

use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Expr, Position, Stmt};

use super::static_check::Issue;

/// Functions that submit.
const SUBMITTING: [&str; 2] = ["ReturnAnswer", "Refuse"];

/// A program without a submission, or with one only where it never gets to.
pub fn check(ast: &AST) -> Option<Issue> {
    let submitting = submitting_functions(ast);
    let is_submission = |name: &str| submitting.contains(name);
    match flow(ast.statements(), &is_submission) {
        Flow::Submits => None,
        Flow::Ends(position) if calls(ast.statements(), &is_submission) => Some(Issue {
            position,
            message: "the program ends here, so the ReturnAnswer or Refuse after it is never reached; put it before"
                .to_owned(),
        }),
        Flow::Ends(position) => Some(missing(position)),
        Flow::GoesOn => Some(missing(last_position(ast.statements()))),
    }
}

fn missing(position: Position) -> Issue {
    let message = "this program runs once and never submits; end it with ReturnAnswer(value) or Refuse(code, message)";
    Issue { position, message: message.to_owned() }
}

fn last_position(statements: &[Stmt]) -> Position {
    statements.last().map_or(Position::NONE, Stmt::position)
}

/// The functions that submit, and those of the cell that call one of them.
fn submitting_functions(ast: &AST) -> BTreeSet<String> {
    let mut submitting: BTreeSet<String> = SUBMITTING.map(str::to_owned).into();
    loop {
        let mut places = Vec::new();
        ast.walk(&mut |path: &[ASTNode<'_>]| {
            if let Some(node) = path.last()
                && is_call(node, &|name| submitting.contains(name))
            {
                places.push(node.position());
            }
            true
        });
        let is_inside = |start: Position, end: Position| places.iter().any(|place| *place >= start && *place <= end);
        let n_before = submitting.len();
        for function in ast.iter_fn_def() {
            if is_inside(function.body.start_position(), function.body.end_position()) {
                submitting.insert(function.name.to_string());
            }
        }
        if submitting.len() == n_before {
            return submitting;
        }
    }
}

/// What a row of statements does on its way.
enum Flow {
    /// A submission can be reached.
    Submits,
    /// No way leads past this place.
    Ends(Position),
    GoesOn,
}

fn flow(statements: &[Stmt], is_submission: &dyn Fn(&str) -> bool) -> Flow {
    for statement in statements {
        match flow_of(statement, is_submission) {
            Flow::GoesOn => {}
            other => return other,
        }
    }
    Flow::GoesOn
}

fn flow_of(statement: &Stmt, is_submission: &dyn Fn(&str) -> bool) -> Flow {
    match statement {
        Stmt::Block(block) => flow(block.statements(), is_submission),
        Stmt::If(control, position) => {
            if expression_calls(&control.expr, is_submission) {
                return Flow::Submits;
            }
            match (flow(control.body.statements(), is_submission), flow(control.branch.statements(), is_submission)) {
                (Flow::Submits, _) | (_, Flow::Submits) => Flow::Submits,
                (Flow::Ends(_), Flow::Ends(_)) => Flow::Ends(*position),
                _ => Flow::GoesOn,
            }
        }
        // A loop without a condition is left only by `break`.
        Stmt::While(control, position) => {
            let is_endless = matches!(control.expr, Expr::Unit(..) | Expr::BoolConstant(true, _));
            match flow(control.body.statements(), is_submission) {
                Flow::Submits => Flow::Submits,
                _ if calls(control.body.statements(), is_submission) => Flow::Submits,
                _ if is_endless && !has_break(control.body.statements()) => Flow::Ends(*position),
                _ => Flow::GoesOn,
            }
        }
        Stmt::Return(value, _, position) => match value {
            Some(value) if expression_calls(value, is_submission) => Flow::Submits,
            _ => Flow::Ends(*position),
        },
        Stmt::TryCatch(control, _) => {
            match (flow(control.body.statements(), is_submission), flow(control.branch.statements(), is_submission)) {
                (Flow::Submits, _) | (_, Flow::Submits) => Flow::Submits,
                // What is thrown inside is caught.
                _ => Flow::GoesOn,
            }
        }
        other => {
            if calls(std::slice::from_ref(other), is_submission) {
                Flow::Submits
            } else {
                Flow::GoesOn
            }
        }
    }
}

fn has_break(statements: &[Stmt]) -> bool {
    any_node(statements, &|node| matches!(node, ASTNode::Stmt(Stmt::BreakLoop(..))))
}

fn calls(statements: &[Stmt], is_submission: &dyn Fn(&str) -> bool) -> bool {
    any_node(statements, &|node| is_call(node, is_submission))
}

fn is_call(node: &ASTNode<'_>, is_submission: &dyn Fn(&str) -> bool) -> bool {
    match node {
        ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _)) | ASTNode::Stmt(Stmt::FnCall(call, _)) => {
            is_submission(&call.name)
        }
        // A function that is named may be called: `Fn("ReturnAnswer")`, and a closure has a name of its own.
        ASTNode::Expr(Expr::StringConstant(text, _)) => is_submission(text),
        ASTNode::Expr(Expr::DynamicConstant(value, _)) => {
            value.read_lock::<rhai::FnPtr>().is_some_and(|closure| is_submission(closure.fn_name()))
        }
        _ => false,
    }
}

fn any_node(statements: &[Stmt], is_wanted: &dyn Fn(&ASTNode<'_>) -> bool) -> bool {
    let mut is_found = false;
    let mut path = Vec::new();
    for statement in statements {
        statement.walk(&mut path, &mut |path: &[ASTNode<'_>]| {
            is_found |= path.last().is_some_and(is_wanted);
            !is_found
        });
    }
    is_found
}

fn expression_calls(expression: &Expr, is_submission: &dyn Fn(&str) -> bool) -> bool {
    let mut is_found = false;
    expression.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
        is_found |= path.last().is_some_and(|node| is_call(node, is_submission));
        !is_found
    });
    is_found
}
