//! Arrays in cells: every declared function by its example, and what a model that knows numpy relies on.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use crate::support::table_world;

use std::collections::BTreeSet;

use spatialclaw::{
    answer::AnswerValue,
    kernel::{CellStatus, Submission},
    tools::arrays::{self, declaration::Form},
};
use table_world::*;

/// The value of each cell, run one after the other in one kernel.
fn check_values(cells: &[(&str, &str)]) {
    let mut bench = Bench::new();
    let found: Vec<(&str, String)> = cells
        .iter()
        .map(|(source, _)| {
            let report = bench.run(source);
            let value = report.value.unwrap_or_default();
            (*source, if report.status == CellStatus::Completed { value } else { format!("{:?}", report.status) })
        })
        .filter(|(source, value)| !cells.contains(&(source, value)))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// The error of each cell; all of them are at 1:column.
fn check_failures(cells: &[(&str, &str)]) {
    let mut bench = Bench::new();
    let found: Vec<(&str, String)> = cells
        .iter()
        .map(|(source, _)| (*source, bench.fails(source)))
        .filter(|(source, error)| {
            let message = error.split_once(' ').map_or("", |(_, message)| message);
            !cells.contains(&(source, message))
        })
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_example_gives_its_value() {
    let examples: Vec<(&str, &str)> = arrays::functions().map(|function| function.example).collect();
    check_values(&examples);
}

#[test]
fn no_name_is_declared_twice_in_one_place() {
    let mut seen = BTreeSet::new();
    for function in arrays::functions() {
        let places: &[&str] = match function.form {
            Form::Np => &["np"],
            Form::Method => &["np", "method"],
            Form::Everywhere => &["np", "bare"],
            Form::Bare => &["bare"],
            Form::Math => &["math"],
        };
        for (name, place) in function.names.iter().flat_map(|name| places.iter().map(move |place| (name, place))) {
            assert!(seen.insert((*name, *place)), "{name} in {place}");
        }
    }
}

#[test]
fn the_contract_is_declared() {
    let of_np: BTreeSet<&str> = arrays::functions()
        .filter(|function| !matches!(function.form, Form::Bare | Form::Math))
        .flat_map(|function| function.names.iter().copied())
        .collect();
    let wanted = "array zeros ones full arange linspace stack vstack hstack concatenate where isnan isfinite nan_to_num \
                  nanmean nanmedian nanmin nanmax nanpercentile dot cross matmul norm inv det solve eigh svd lstsq arctan2 \
                  hypot sin cos tan arcsin arccos arctan sqrt exp log floor ceil deg2rad rad2deg degrees radians minimum \
                  maximum clip sign diff cumsum histogram bincount unique sort argsort argmin argmax median mean std var \
                  percentile quantile cdist pdist convex_hull pca KDTree sum min max any all abs round reshape flatten";
    let missing: Vec<&str> = wanted.split_whitespace().filter(|name| !of_np.contains(name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn arithmetic_stretches_and_keeps_integers_where_numpy_does() {
    check_values(&[
        ("let a = np.array([1, 2, 3]); a + 1", "Arr [2, 3, 4]"),
        ("a / 2", "Arr [0.5, 1.0, 1.5]"),
        ("1 - a", "Arr [0, -1, -2]"),
        ("a * [1, 2, 0.5]", "Arr [1.0, 4.0, 1.5]"),
        ("[1, 1, 1] + a", "Arr [2, 3, 4]"),
        ("-a % 2", "Arr [1, 0, 1]"),
        ("a ** 2", "Arr [1, 4, 9]"),
        ("int_div(a, 2)", "Arr [0, 1, 1]"),
        ("-a", "Arr [-1, -2, -3]"),
        ("a.reshape(3, 1) * a", "Arr 3x3 [[1, 2, 3], [2, 4, 6], [3, 6, 9]]"),
        ("(a > 1) & (a < 3)", "Bools [false, true, false]"),
        ("!(a == 2)", "Bools [true, false, true]"),
        ("(a > 1).sum()", "int 2"),
        ("(a > 1).mean() + 0.0", "float 0.6666666666666666"),
        ("2 < a", "Bools [false, false, true]"),
        ("a == ()", "bool false"),
        ("np.array([np.nan, 1]) >= 1", "Bools [false, true]"),
        ("np.array([np.nan]) != np.nan", "Bools [true]"),
        ("np.array([1, 0]) / 0", "Arr [inf, nan]"),
        ("\"a is \" + a", "string \"a is [1, 2, 3]\""),
    ]);
}

#[test]
fn brackets_pick_and_write() {
    check_values(&[
        ("let a = np.array([5, 6, 7, 8]); a[-1]", "int 8"),
        ("a[1..3]", "Arr [6, 7]"),
        ("a[1..=2]", "Arr [6, 7]"),
        ("a[0..-1]", "Arr [5, 6, 7]"),
        ("a[a > 6]", "Arr [7, 8]"),
        ("a[[0, -1]]", "Arr [5, 8]"),
        ("a[np.argsort(-a)]", "Arr [8, 7, 6, 5]"),
        ("a[[true, false, false, true]]", "Arr [5, 8]"),
        ("a[2.0]", "int 7"),
        ("a.slice((), (), -1)", "Arr [8, 7, 6, 5]"),
        ("let m = np.arange(12).reshape(3, 4); m[1]", "Arr [4, 5, 6, 7]"),
        ("m[1][2]", "int 6"),
        ("m.nd([(), 0])", "Arr [0, 4, 8]"),
        ("m.nd([[1, (), ()], [0, (), 2]])", "Arr 2x2 [[4, 6], [8, 10]]"),
        ("m.nd([(), np.newaxis, 1]).shape", "list [3, 1]"),
        ("m.nd([np.array([0, 2]), np.array([1, 3])])", "Arr [1, 11]"),
        ("m.nd([m.nd([(), 0]) > 0, 1])", "Arr [5, 9]"),
        ("m[1][2] = 60; m[0] = 1; m[m > 50] = -1; m", "Arr 3x4 [[1, 1, 1, 1], [4, 5, -1, 7], [8, 9, 10, 11]]"),
        ("m.nd_set([(), 3], [1.5, 2, 3]); m.nd([(), 3])", "Arr [1.5, 2.0, 3.0]"),
        ("m[0] += 1; m[0][0]", "float 2.0"),
        ("let n = m.copy(); n[0] = 0; m[0][0]", "float 2.0"),
        ("let s = 0; for x in a { s += x; } s", "int 26"),
        ("let rows = 0; for row in m { rows += row.len(); } rows", "int 12"),
    ]);
}

#[test]
fn methods_are_those_of_numpy() {
    check_values(&[
        ("let m = np.array([[3.0, 1.0], [2.0, 8.0]]); m.mean(0)", "Arr [2.5, 4.5]"),
        ("m.mean(#{axis: 1, keepdims: true})", "Arr 2x1 [[2.0], [5.0]]"),
        ("m.max()", "float 8.0"),
        ("m.min(1)", "Arr [1.0, 2.0]"),
        ("m.sum(-1)", "Arr [4.0, 10.0]"),
        ("m.argmax()", "int 3"),
        ("m.T", "Arr 2x2 [[3.0, 2.0], [1.0, 8.0]]"),
        ("m.std() == np.std(m)", "bool true"),
        ("m.flatten().sort()", "Arr [1.0, 2.0, 3.0, 8.0]"),
        ("m.shape", "list [2, 2]"),
        ("m.ndim + m.size + m.len()", "int 8"),
        ("m.round(1).tolist()", "list 2x2"),
        ("np.array([1.5, 2.0]).map(|x| x * 2)", "list [3.0, 4.0]"),
        ("m.clip(2, 5)", "Arr 2x2 [[3.0, 2.0], [2.0, 5.0]]"),
        ("(m > 2).any(0)", "Bools [true, true]"),
        ("m.dot([1, 1])", "Arr [4.0, 10.0]"),
        ("m.astype(\"int\")", "Arr 2x2 [[3, 1], [2, 8]]"),
        ("np.where(m > 2)[0]", "Arr [0, 1]"),
        ("let v = np.array([3, 1, 2]); v.sort(); v", "Arr [1, 2, 3]"),
        ("np.full([2, 2], np.nan).any()", "bool true"),
        ("np.linalg.norm(m[0] - m[1])", "float 7.0710678118654755"),
        ("norm([3, 4])", "float 5.0"),
        ("type_of(m) + type_of(m > 1) + type_of(KDTree([[0, 0]]))", "string \"ArrBoolsKDTree\""),
        ("np.zeros([480, 640]) + 0.4", "Arr 480x640 float, 0.400..0.400"),
        ("np.zeros([480, 640]) > 0", "Bools 480x640, 0 true"),
    ]);
}

#[test]
fn pythons_own_functions_keep_what_they_are_given() {
    check_values(&[
        ("sum([1, 2, 3])", "int 6"),
        ("sum([])", "int 0"),
        ("sum(np.array([[1, 2], [3, 4]]))", "Arr [4, 6]"),
        ("sum(np.array([[1, 2], [3, 4]]), 1)", "Arr [3, 7]"),
        ("sum(sum(np.array([[1, 2], [3, 4]])))", "int 10"),
        ("np.sum(np.array([[1, 2], [3, 4]]))", "int 10"),
        ("round(2.675, 2)", "float 2.67"),
        ("round(-1234.5, -2)", "float -1200.0"),
        ("np.round(2.675, 2)", "float 2.68"),
        ("min(3, 1, #{})", "int 1"),
        ("max(2, 3.5)", "float 3.5"),
        ("max(2, 3)", "int 3"),
        ("min([4, 2, 9])", "int 2"),
        ("min([[2, 1], [2, 0]])", "list [2, 0]"),
        ("min([], #{default: 7})", "int 7"),
        ("sorted([\"b\", \"a\"])", "list of 2: the string \"a\", the string \"b\""),
        ("sorted([[2, \"x\"], [1, \"y\"]])[0][1]", "string \"y\""),
        ("sorted([1, 2, 3], #{key: |x| -x})", "list [3, 2, 1]"),
        ("round(3.5) + round(2.5)", "int 6"),
        ("round(2.345, 2)", "float 2.35"),
        ("round(np.array([0.15, 2.5]))", "Arr [0.0, 2.0]"),
        ("log(np.e)", "float 1.0"),
        ("sum([np.array([1, 2]), np.array([3, 4])])", "Arr [4, 6]"),
        ("[1, 2] + [3]", "list [1, 2, 3]"),
        (
            "[[1, np.array([1, 2])] == [1, np.array([1, 2])], [np.array([1, 2])] == [np.array([1, 3])]]",
            "list of 2: the bool true, the bool false",
        ),
        ("-7.5 % 2 + int_div(-7.5, 2)", "float -3.5"),
    ]);
}

#[test]
fn an_array_beyond_the_memory_of_the_goal_is_a_limit() {
    let mut bench = Bench::new();
    assert_eq!(
        bench.hits_limit("np.zeros(10000000000)"),
        "the cell needs more than 512 MiB; keep less in lists, texts and arrays"
    );
    assert_eq!(bench.run("np.zeros(3).size").value.as_deref(), Some("int 3"));
}

#[test]
fn what_cannot_be_done_says_what_to_do() {
    check_failures(&[
        (
            "np.array([1, 2]) + [1, 2, 3]",
            "shapes 2 and 3 do not fit; from the last axis on, lengths must be equal or 1",
        ),
        (
            "np.array([[1, 2], [3]])",
            "object[1] is 1 numbers, but object[0] is 2 numbers; rows of one array must be equally long",
        ),
        (
            "np.concatenate([np.arange(2), np.zeros([])])",
            "shapes are 2, of a single number, wanted equal ones beside the joined axis",
        ),
        (
            "enumerate([1, 2], 9223372036854775807)",
            "start is 9223372036854775807: 2 items more are too many to be counted",
        ),
        ("np.mean([])", "NOT_MEASURABLE the mean of an empty array has no value"),
        ("np.array([1, 2])[5]", "index 5 is out of range: axis 0 has 2 values"),
        (
            "let m = np.zeros([2, 2]); let n = m; n[0] = 1;",
            "`n` is a copy of `m`, an Arr of shape 2x2, and is changed in place: in Python both would change; write \
             `n = m.copy()` to change only `n`, or change `m` itself",
        ),
        (
            "let m = np.ones([2, 2]); max(m)",
            "max of an array of 2 axes is ambiguous; write np.max(a) for all values or np.max(a, 0) along an axis",
        ),
        (
            "any(np.ones([2, 2]) > 0)",
            "any of an array of 2 axes is ambiguous; write np.any(a) for all values or np.any(a, 0) along an axis",
        ),
        (
            "sum([[1, 2], [3, 4]])",
            "Python cannot add lists to a number; write np.sum(rows) for all values or np.sum(rows, 0) by column",
        ),
        ("np.mean([1], #{axes: 0})", "mean has no parameter `axes`; call it as np.mean(a, axis?, keepdims?)"),
        ("[1, 2] - [0, 1]", "lists have no `-`; write np.array(list) - np.array(list)"),
        ("np.mean(\"mug\")", "a is the string \"mug\", wanted numbers: an Arr or a list"),
        (
            "np.linalg.inv([[1, 2], [2, 4]])",
            "NOT_MEASURABLE the matrix is singular; np.linalg.lstsq gives the nearest solution",
        ),
        (
            "np.array([1, 2]) * tools.Geometry.height(tools.Scene.find(\"mug\"))",
            "`*` of an array and a Measurement would lose its sigma; use its .value",
        ),
        ("math.sqrt(-1)", "sqrt: -1 has no such value"),
        ("sorted([1, \"a\"])", "sorted: the string \"a\" and the int 1 have no order; give a key: #{key: |x| x.score}"),
    ]);
}

#[test]
fn points_are_filtered_as_points_and_moved_as_arrays() {
    check_values(&[
        ("let p = tools.Scene.find(\"mug\").points; let n = p.len(); n > 100", "bool true"),
        ("p.shape == [n, 3] && p.arr.shape == [n, 3] && p.x.len() == n", "bool true"),
        ("let top = p[p.z > 0.75]; top.frame", "string \"map\""),
        ("top.len() == (p.z > 0.75).sum() && top.z.min() > 0.75", "bool true"),
        ("p[0..10].len() + p[[0, 1]].len() + p.slice(-5, ()).len()", "int 17"),
        ("type_of(p - p.mean()) + type_of(p * 2) + type_of(p[3])", "string \"ArrArrArr\""),
        ("np.abs((p - p.mean()).mean(0)).max() < 1e-6", "bool true"),
        ("p.nd([(), 2]).max() == p.max().z", "bool true"),
        (
            "let m = tools.Scene.find(\"mug\").center; let b = tools.Scene.find(\"bowl\").center; norm(m - b) < 0.5",
            "bool true",
        ),
        ("tools.Geometry.euclidean_distance(m, b) == np.linalg.norm(m - b)", "bool true"),
        ("let d = KDTree(p).query(m)[0]; d > 0.01 && d < 0.06", "bool true"),
        ("cdist(p[0..5], [m, b]).shape", "list [5, 2]"),
        ("tools.TF.transform(m, \"base_link\").shape", "list [3]"),
    ]);
    let mut bench = Bench::new();
    let submission = bench.submits("ReturnAnswer(tools.Scene.find(\"mug\").center, #{sigma: 0.01})");
    assert!(matches!(submission, Submission::Answer(answer) if !matches!(answer.value, AnswerValue::Text(_))));
}
