//! What cells do in the kernel: the language, what stays, what is refused before it runs, and what ends a cell.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use crate::support::table_world;

use std::time::{Duration, Instant};

use spatialclaw::{
    answer::{AnswerKind, AnswerValue},
    error_code::ErrorCode,
    kernel::{CellStatus, Limits, Submission},
};
use table_world::*;

fn check_values(cells: &[(&str, &str)]) {
    let mut bench = Bench::new();
    for (source, expected) in cells {
        let report = bench.run(source);
        assert_eq!(report.status, CellStatus::Completed, "{source}");
        assert_eq!(report.value.as_deref(), Some(*expected), "{source}");
    }
}

fn check_refusals(cells: &[(&str, &str)]) {
    let mut bench = Bench::new();
    for (source, expected) in cells {
        assert_eq!(bench.refuses(source), vec![(*expected).to_owned()], "{source}");
    }
    assert_eq!(bench.run("1 + 1").value.as_deref(), Some("int 2"));
}

fn check_failures(cells: &[(&str, &str)]) {
    let mut bench = Bench::new();
    for (source, expected) in cells {
        assert_eq!(bench.fails(source), *expected, "{source}");
    }
    assert_eq!(bench.run("1 + 1").value.as_deref(), Some("int 2"));
}

#[test]
fn arithmetic_is_what_people_expect() {
    check_values(&[
        ("1 / 2", "float 0.5"),
        ("6 / 3", "float 2.0"),
        ("-7 % 3", "int 2"),
        ("7 % -3", "int -2"),
        ("int_div(7, 2)", "int 3"),
        ("int_div(-7, 2)", "int -4"),
        ("2 ** 10", "int 1024"),
        ("round(2.34567, 2)", "float 2.35"),
        ("sqrt(2)", "float 1.4142135623730951"),
        ("degrees(PI())", "float 180.0"),
        ("radians(180)", "float 3.141592653589793"),
        ("sum([1, 2.5]) + mean([1, 3]) + median([9, 1, 2])", "float 7.5"),
        ("min([3, 1, 2]) + max([1, 5])", "int 6"),
        ("norm([3, 4, 0])", "float 5.0"),
        ("dot([1, 2, 3], [4, 5, 6])", "int 32"),
        ("int(\"12\") + float(\"0.5\")", "float 12.5"),
        ("sorted([3, 1, 2])", "list [1, 2, 3]"),
    ]);
}

#[test]
fn words_of_python_and_text_work() {
    check_values(&[
        ("True and not False or False", "bool true"),
        ("None == ()", "bool true"),
        ("\"ab\" * 3", "string \"ababab\""),
        ("fmt(1.23456, 2)", "string \"1.23\""),
        ("`${[1, \"x\"]} ${fmt(0.5, 1)}`", "string \"[1, \\\"x\\\"] 0.5\""),
        ("len([1, 2])", "int 2"),
        ("let s = 0; for i in range(4) { s += i; } s", "int 6"),
        ("[1, [2, 3]] == [1, [2, 3]]", "bool true"),
        ("#{a: [1]} != #{a: [2]}", "bool true"),
        ("[1, 2] in [[1, 2]]", "bool true"),
        ("#{a: [1, \"x\"]}.to_json()", "string \"{\\\"a\\\":[1,\\\"x\\\"]}\""),
        (
            "[True, (), np.nan, \"a\\n\", {\"k\": 2.5}].to_json()",
            "string \"[true,null,null,\\\"a\\\\n\\\",{\\\"k\\\":2.5}]\"",
        ),
        ("#{a: array([[1.5, 2.0], [3.0, 4.0]])}.to_json()", "string \"{\\\"a\\\":[[1.5,2.0],[3.0,4.0]]}\""),
        ("(array([1, 5]) > 2).to_json()", "string \"[false,true]\""),
        ("parse_json(#{d: tools.Geometry.height(Scene.find(\"mug\"))}.to_json()).d.unit", "string \"m\""),
        ("parse_json(`{\"a\": [1, 2]}`).a", "list [1, 2]"),
        ("let t = \"a-b\"; t.replace(\"-\", \"+\")", "string \"a+b\""),
        ("\"a,b\".split(\",\")", "list of 2: the string \"a\", the string \"b\""),
        ("1; # the last value counts", "int 1"),
    ]);
}

#[test]
fn arguments_may_be_keywords_and_groups_may_stand_alone() {
    let mut bench = Bench::new();
    bench.prints("let mug = tools.Scene.find(#{name: \"mug\"}); let bowl = Scene.find(\"bowl\");");
    let plain = bench.run("tools.Geometry.bearing(mug, \"map\").value").value;
    assert!(plain.is_some());
    assert_eq!(bench.run("Geometry.bearing(mug, #{frame: \"map\"}).value").value, plain);
    assert_eq!(bench.run("tools.Geometry.bearing(#{a: mug, frame: \"map\"}).value").value, plain);
    assert_eq!(bench.run("InputImages_front.len() == InputImages.len()").value.as_deref(), Some("bool true"));
    let signature =
        "tools.Geometry.bearing(a: Object | Points, frame: \"robot\" | frame name = \"robot\") -> Measurement";
    for (source, expected) in [
        (
            "Geometry.bearing(mug, #{fram: 1})",
            format!("tools.Geometry.bearing has no parameter `fram`; did you mean `frame`? {signature}"),
        ),
        ("Geometry.bearing(mug, #{a: mug})", format!("tools.Geometry.bearing gets `a` twice; {signature}")),
        ("Geometry.bearing(#{frame: \"map\"})", format!("tools.Geometry.bearing needs `a`; {signature}")),
    ] {
        assert_eq!(bench.refuses(source), vec![format!("1:10 {expected}")], "{source}");
    }
    assert_eq!(bench.refuses("let Geometry = 1;").len(), 1);
}

#[test]
fn what_is_printed_is_reported() {
    let mut bench = Bench::new();
    assert_eq!(bench.prints("print(1, \"a\", [1, 2.5], #{k: \"v\"});"), "1 a [1, 2.5] #{\"k\": \"v\"}\n");
    assert_eq!(bench.prints("print([\"a\"]); print(|x| x);"), "[\"a\"]\nclosure\n");
    let long = bench.prints("for i in range(20000) { print(i); }");
    assert!(long.starts_with("0\n1\n2\n"), "{}", &long[..40]);
    assert!(long.ends_with("19998\n19999\n"));
    assert!(long.contains(" bytes left out; print less ...]"));
    assert!(long.len() < Limits::default().max_output_bytes + 100, "{}", long.len());
}

#[test]
fn variables_and_functions_stay() {
    check_values(&[
        ("let x = 3; x", "int 3"),
        ("x + 1", "int 4"),
        ("fn double(a) { a * 2 } double(x)", "int 6"),
        ("double(double(x))", "int 12"),
        ("let add = |a| a + x; add.call(1)", "int 4"),
        ("x = 10; add.call(1)", "int 11"),
        ("fn double(a) { a * 20 } double(1)", "int 20"),
        ("let x = \"other\"; x", "string \"other\""),
        ("const LIMIT = 5; LIMIT", "int 5"),
        ("LIMIT + 1", "int 6"),
        ("let m = #{twice: |a| a * 2}; m.twice(4)", "int 8"),
        ("m.twice(5)", "int 10"),
    ]);
}

#[test]
fn shadowed_variables_do_not_pile_up() {
    let mut bench = Bench::with(|context| context.limits.max_memory_bytes = 64 << 20);
    for _ in 0..40 {
        let report = bench.run("let big = \"x\" * 8000000; big.len()");
        assert_eq!(report.status, CellStatus::Completed);
    }
}

#[test]
fn new_and_changed_variables_are_told_apart() {
    let mut bench = Bench::new();
    let told = |report: spatialclaw::kernel::CellReport| -> Vec<(String, String, bool)> {
        report.variables.into_iter().map(|v| (v.name, v.summary, v.is_new)).collect()
    };
    let expect = |name: &str, summary: &str, is_new| (name.to_owned(), summary.to_owned(), is_new);
    let mut first = told(bench.run("let a = 1; let b = [1, 2, 3]; let c = [0.5, 1, 2, 3, 4, 5]; let t = \"mug\";"));
    first.sort();
    let expected = [
        expect("a", "int 1", true),
        expect("b", "list [1, 2, 3]", true),
        expect("c", "list of 6 numbers, 0.5000..5.0000", true),
        expect("t", "string \"mug\"", true),
    ];
    assert_eq!(first, expected);
    assert_eq!(told(bench.run("b.push(4);")), vec![expect("b", "list [1, 2, 3, 4]", false)]);
    assert_eq!(told(bench.run("b[0] = 1; a = 1;")), vec![]);
    assert_eq!(told(bench.run("let m = #{k: 1, l: 2};")), vec![expect("m", "map of 2: k, l", true)]);
    assert_eq!(told(bench.run("let grid = [[1, 2], [3, 4]];")), vec![expect("grid", "list 2x2", true)]);
    assert_eq!(told(bench.run("let a = \"new\";")), vec![expect("a", "string \"new\"", false)]);
    let mug = told(bench.run("let mug = tools.Scene.find(\"mug\");"));
    assert!(mug[0].1.starts_with("Object mug#5 center ["), "{mug:?}");
    assert!(mug[0].1.contains("frame map, camera front, stamp 12.300"), "{mug:?}");
}

#[test]
fn variables_set_before_the_failing_line_stay() {
    let mut bench = Bench::new();
    bench.prints("let kept = 1; let list = [1];");
    let failed = "let a = 5;\nlist.push(2);\nlet b = tools.Scene.find(\"zebra\");\nlet c = 7;\nkept = 2;";
    let report = bench.run(failed);
    let CellStatus::Failed(error) = &report.status else { panic!("{:?}", report.status) };
    assert_eq!((error.line, error.column, error.code), (Some(3), Some(21), Some(ErrorCode::NotVisible)));
    let mut told: Vec<String> = report.variables.iter().map(|v| v.name.clone()).collect();
    told.sort();
    assert_eq!(told, ["a", "list"]);
    assert_eq!(bench.run("[a, kept, list.len()]").value.as_deref(), Some("list [5, 1, 2]"));
    assert_eq!(
        bench.refuses("c"),
        ["1:1 variable `c` is not defined; functions see only their parameters, tools, InputImages and Metadata"]
    );
}

#[test]
fn a_failure_inside_a_block_leaves_no_local() {
    let mut bench = Bench::new();
    bench.fails("let outer = 1;\nif true { let inner = 2; throw \"x\"; }");
    assert_eq!(bench.run("outer").value.as_deref(), Some("int 1"));
    bench.refuses("inner");
}

#[test]
fn errors_name_line_and_column_of_their_cell() {
    let mut bench = Bench::new();
    bench.prints("fn half(a) {\n  let b = a / 0;\n  b\n}");
    bench.prints("let y = 1;");
    assert_eq!(
        bench.fails("let z = 1;\nlet w = half(z);"),
        "2:9 1 / 0 has no value (in function `half` of cell 1, line 2)"
    );
    assert_eq!(
        bench.fails("fn third(a) {\n  [a][2]\n}\nthird(1);"),
        "2:7 index 2 is outside a list of 1; use 0 to 0 (in function `third`, called at line 4)"
    );
    assert_eq!(bench.fails("[1].map(|x|\n  x.y)"), "2:5 a int has no property `y` (in a closure, called at line 1)");
}

#[test]
fn a_throw_can_be_caught_and_read() {
    let mut bench = Bench::new();
    assert_eq!(bench.prints("try { throw \"a\"; } catch (e) { print(e); }"), "a\n");
    let caught = bench.prints("try { tools.Scene.find(\"zebra\"); } catch (e) { print(e.code); print(e.message); }");
    assert_eq!(
        caught,
        "NOT_VISIBLE\n\"zebra\" is not visible to camera front at 12.300; visible: blue cup, book, bowl, box, floor, mug, pebble, \
         red cup, table\n"
    );
}

#[test]
fn unknown_names_are_refused_with_what_was_meant() {
    check_refusals(&[
        ("let count = 1; cuont", "1:16 variable `cuont` is not defined; did you mean `count`?"),
        ("let l = []; l.psuh(5);", "1:15 no value has a method `psuh`; did you mean `push`?"),
        ("nosuch(1);", "1:1 function `nosuch` does not exist"),
        ("pritn(1);", "1:1 function `pritn` does not exist; did you mean `print`?"),
        ("sqrt(1, 2)", "1:1 `sqrt` takes 1 argument, got 2"),
        ("let l = []; l.push();", "1:15 method `push` takes 1 argument, got 0"),
        ("tools.Scen.find(\"mug\")", "1:7 `tools.Scen` does not exist; did you mean `tools.Scene`?"),
        (
            "tools.Scene.fnd(\"mug\")",
            "1:13 `tools.Scene.fnd` does not exist; did you mean tools.Scene.find(name: string) -> Object?",
        ),
        (
            "tools.Geometry.find(\"mug\")",
            "1:16 `tools.Geometry.find` does not exist; did you mean tools.Scene.find(name: string) -> Object?",
        ),
        (
            "tools.Scene.find",
            "1:13 `tools.Scene.find` is a function; call it: tools.Scene.find(name: string) -> Object",
        ),
        (
            "tools.Scene.find()",
            "1:13 `tools.Scene.find` takes 1 argument, got 0: tools.Scene.find(name: string) -> Object",
        ),
        (
            "tools.Geometry.bearing(1, 2, 3)",
            "1:16 `tools.Geometry.bearing` takes 1 or 2 arguments, got 3: tools.Geometry.bearing(a: Object | Points, frame: \"robot\" | \
             frame name = \"robot\") -> Measurement",
        ),
        (
            "surface_distance(1, 2)",
            "1:1 function `surface_distance` does not exist; did you mean tools.Geometry.surface_distance(a: Object | Points, b: \
             Object | Points) -> Measurement?",
        ),
        (
            "let x = 1; fn g(a) { a * x }",
            "1:26 variable `x` is not defined; functions see only their parameters, tools, InputImages and Metadata",
        ),
        (
            "sqrt(4) < sqrt(5) < sqrt(6)",
            "1:1 comparisons cannot be chained here; write `sqrt(4) < sqrt(5) && sqrt(5) < sqrt(6)`; the line would be: sqrt(4) < \
             sqrt(5) && sqrt(5) < sqrt(6)",
        ),
        ("if false { nosuch(); }", "1:12 function `nosuch` does not exist"),
        (
            "fn never() { tools.Nope.x() }",
            "1:20 `tools.Nope` does not exist; there are tools.Draw, tools.Geometry, tools.Graph, tools.Mask, tools.OCR, \
             tools.Reconstruct, tools.SAM3, tools.Scene, tools.TF, tools.Time",
        ),
    ]);
}

#[test]
fn a_function_does_not_see_the_variables_of_earlier_cells() {
    let mut bench = Bench::new();
    bench.prints("let x = 1;");
    assert_eq!(
        bench.refuses("fn g(a) {\n  a * x\n}"),
        ["2:7 function `g` does not see the variable `x`; pass it as a parameter, or write a closure |a| ..."]
    );
    let sees = "fn h(a) { let b = a; for (v, i) in [1] { b += v + i; } try { b += 1; } catch (err) { print(err); } \
                let f = |q| q + b; f.call(1) + [1].map(|w| w + a)[0] + tools.Scene.labels().len() } h(1)";
    assert_eq!(bench.run(sees).value.as_deref(), Some("int 15"));
}

#[test]
fn every_mistake_of_a_cell_is_told_and_nothing_runs() {
    let mut bench = Bench::new();
    let errors = bench.refuses("let a = 1;\nnosuch(1);\ntools.Scene.find();\nprint(\"ran\");");
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].starts_with("2:1 function `nosuch`"), "{errors:?}");
    assert!(errors[1].starts_with("3:13 `tools.Scene.find` takes 1 argument"), "{errors:?}");
    bench.refuses("a");
}

#[test]
fn what_is_built_in_cannot_be_replaced() {
    let mine = "is built in and cannot be defined again; choose another name";
    check_refusals(&[
        ("let tools = 1;", &format!("1:5 `tools` {mine}")),
        ("const Metadata = 1;", &format!("1:7 `Metadata` {mine}")),
        ("let ReturnAnswer = 3;", &format!("1:5 `ReturnAnswer` {mine}")),
        ("tools = 1;", "1:1 `tools` is built in and cannot be changed; use another variable"),
        ("InputImages[0] = 3;", "1:12 `InputImages` is built in and cannot be changed; use another variable"),
        ("Metadata.question = \"x\";", "1:9 `Metadata` is built in and cannot be changed; use another variable"),
        ("ReturnAnswer = 3;", "1:1 `ReturnAnswer` is built in and cannot be changed; use another variable"),
        ("for tools in [1] { }", "1:5 `tools` is built in and cannot be a loop variable; choose another name"),
        ("fn ReturnAnswer(x) { x }", &format!("1:20 `ReturnAnswer` {mine}")),
        ("fn Refuse(x, y) { x }", &format!("1:17 `Refuse` {mine}")),
        ("fn show(x) { x }", &format!("1:12 `show` {mine}")),
        ("fn find(x) { x }", &format!("1:12 `find` {mine}")),
        ("fn surface_distance(a, b) { 0 }", &format!("1:27 `surface_distance` {mine}")),
        ("fn sleep(x) { x }", &format!("1:13 `sleep` {mine}")),
    ]);
}

#[test]
fn closed_doors_are_refused_before_running() {
    check_refusals(&[
        ("sleep(1)", "1:1 `sleep` is not available: cells may not wait"),
        ("exit()", "1:1 `exit` is not available: use ReturnAnswer(value) or Refuse(code, message)"),
        ("eval(\"1\")", "1:1 `eval` is not available: write the code directly"),
        (
            "import \"a\" as b;",
            "1:1 `import` is not available: everything is in scope already: tools, InputImages, Metadata",
        ),
        (
            "let x = 1; export x;",
            "1:12 `export` is not available: variables and functions stay for later cells by themselves",
        ),
        ("debug(1)", "1:1 `debug` is not available: use print(value)"),
        ("blob(9)", "1:1 `blob` is not available: use a list"),
        ("timestamp()", "1:1 `timestamp` is not available: times are stamps of images: Metadata.newest_stamp"),
        ("open(\"/etc/passwd\")", "1:1 `open` is not available: cells cannot read files; images are in InputImages"),
        ("let a = [1]; take(a)", "1:14 `take` is not available: copy the value: let b = a"),
        ("std::fs::read(\"x\")", "1:1 there are no modules; write tools.Scene.find(...), without `::`"),
    ]);
}

#[test]
fn closed_doors_stay_closed_by_computed_names() {
    check_failures(&[
        ("Fn(\"sleep\").call(1)", "1:13 `sleep` is not available: cells may not wait"),
        (
            "Fn(\"ex\" + \"it\").call()",
            "1:17 `exit` is not available: use ReturnAnswer(value) or Refuse(code, message)",
        ),
        ("Fn(\"eval\").call(\"1+1\")", "1:4 Syntax error: 'eval' is a reserved keyword"),
        ("[1, 2].drain(|x| true)", "1:8 `drain` is not available: use filter(|x| ...)"),
    ]);
}

#[test]
fn wrong_values_are_named() {
    check_failures(&[
        ("sqrt(\"a\")", "1:1 x is the string \"a\", wanted numbers: an Arr or a list"),
        ("[1] - 2", "1:5 lists have no `-`; write np.array(list) - 2"),
        ("let m = #{a: 1}; m.b", "1:20 the map has no key `b`; look with map.keys()"),
        ("#{a: 1}[\"b\"]", "1:9 the map has no key `b`; look with map.keys()"),
        ("5 / 0", "1:3 5 / 0 has no value"),
        ("mean([])", "1:1 NOT_MEASURABLE the mean of an empty array has no value"),
        ("tools.Scene.find(3)", "1:13 name is the int 3, wanted a string"),
        (
            "tools.Geometry.height(\"mug\")",
            "1:16 a is the string \"mug\", wanted an Object or Points; look it up with tools.Scene.find(name)",
        ),
        ("InputImages[5]", "1:12 the index of InputImages is 5, but there are only 1"),
        (
            "tools.Scene.find(\"mug\").colour",
            "1:25 Object has no property `colour`; it has .label .id .score .camera .stamp .frame .n_pixels .points .center .size .box",
        ),
        ("throw \"no\";", "1:1 thrown: no"),
        ("if tools.Scene.count(\"mug\") { }", "1:9 wanted bool, found Measurement; write `x.value > 0`"),
    ]);
}

#[test]
fn endless_loops_end_and_cannot_be_caught() {
    let limits = [
        "loop { }",
        "let i = 0; while true { i += 1; }",
        "fn f() { loop { } } f()",
        "[1].map(|x| { loop { } })",
        "try { loop { } } catch (e) { print(\"caught\"); }",
        "try { [1].map(|x| { loop { } }); } catch (e) { print(\"caught\"); } print(\"after\");",
        "fn g() { try { loop { } } catch { g() } } g()",
    ];
    let mut bench = Bench::with(|context| context.limits.max_operations = 200_000);
    for source in limits {
        let report = bench.run(source);
        let CellStatus::LimitReached(error) = &report.status else { panic!("{source}: {:?}", report.status) };
        assert_eq!(
            error.message, "the cell took more than 200000 operations; loop less and leave bulk work to tools",
            "{source}"
        );
        assert_eq!(error.code, Some(ErrorCode::BudgetExceeded));
        assert_eq!(report.stdout, "", "{source}");
        assert_eq!(bench.run("1 + 1").value.as_deref(), Some("int 2"), "after {source}");
    }
}

#[test]
fn recursion_and_nested_code_end() {
    on_kernel_thread(|| {
        let mut bench = Bench::new();
        let deep = "calls are nested deeper than 64; use a loop";
        assert_eq!(bench.hits_limit("fn r(n) { r(n + 1) } r(1)"), deep);
        assert_eq!(bench.hits_limit("let f = |f, n| f.call(f, n + 1); f.call(f, 0)"), deep);
        let nested = format!("{}1{}", "(".repeat(5000), ")".repeat(5000));
        assert!(
            bench.refuses(&nested)[0].ends_with("nested more than 150 deep; give parts of the expression to variables")
        );
        let many: String = (0..600).map(|i| format!("let v{i} = {i};")).collect();
        assert_eq!(bench.hits_limit(&many), "there are too many variables; put values into a list or map");
        assert_eq!(bench.run("1 + 1").value.as_deref(), Some("int 2"));
    });
}

#[test]
fn memory_bombs_end_and_leave_room() {
    on_kernel_thread(|| {
        let mut bench = Bench::with(|context| context.limits.max_memory_bytes = 48 << 20);
        bench.prints("let kept = \"kept\";");
        let bombs = [
            "let s = \"x\"; loop { s += s; }",
            "let s = \"x\"; loop { s = s + s; }",
            "let s = \"ab\"; loop { s = `${s}${s}`; }",
            "let l = []; loop { l = [l, l, l, l]; }",
            "let l = [1]; loop { l += l; }",
            "let l = []; loop { l.push(\"x\" * 10000 + l.len()); }",
            "let m = #{}; let i = 0; loop { m[`key ${i}`] = \"x\" * 10000 + i; i += 1; }",
            "let s = \"a\"; s.pad(1000000000, \"b\");",
            "let s = \"a\"; s.pad(1000000000, 'b');",
            "let l = []; l.pad(1000000000, 1);",
            "\"x\" * 10000000000",
            "let s = \"a\" * 1000000; let t = s; s.replace(\"a\", t);",
            "let s = \"a \" * 1000000; s.split(\" \")",
            "let s = \"a \" * 2000000; s.to_chars()",
            "let q = \"[1,\" * 1000000; parse_json(q)",
            "let l = zeros(500000).tolist(); l.sort()",
            "let l = [[0] * np.zeros(1)] * 500; let m = [l] * 1000;",
            "let z = zeros(600000); [z, z, z, z, z, z, z, z, z, z, z, z, z, z].to_json()",
            "let f = |x| x; loop { f = f.curry(f); }",
            "try { let s = \"x\"; loop { s += s; } } catch (e) { } 1",
        ];
        for bomb in bombs {
            let message = bench.hits_limit(bomb);
            assert!(
                message.starts_with("the cell needs more than 48 MiB; keep less in lists, texts and arrays")
                    || message == "a text is longer than 8 MiB; keep pieces in a list",
                "{bomb}: {message}"
            );
            assert_eq!(
                bench.run("kept + (\"x\" * 10)").value.as_deref(),
                Some("string \"keptxxxxxxxxxx\""),
                "after {bomb}"
            );
        }
    });
}

#[test]
fn a_tool_asks_for_room_before_it_measures_something_large() {
    const MAX_MEMORY_BYTES: usize = 24 << 20;
    on_kernel_thread(|| {
        let mut bench = Bench::with(|context| context.limits.max_memory_bytes = MAX_MEMORY_BYTES);
        bench.prints("let largest = max(Scene.objects(), #{key: |o| o.n_pixels});");
        let report = bench.run("largest.center");
        let CellStatus::LimitReached(error) = &report.status else { panic!("{:?}", report.status) };
        assert!(
            error.message.contains(" points takes ") && error.message.contains(" MiB more than may be held"),
            "{error:?}"
        );
        assert!(report.memory.peak_bytes <= MAX_MEMORY_BYTES, "{:?}", report.memory);
        assert_eq!(bench.run("largest.n_pixels > 100000").value.as_deref(), Some("bool true"));
    });
}

#[test]
fn values_nested_without_end_do_not_end_the_process() {
    on_kernel_thread(|| {
        let mut bench = Bench::new();
        bench.prints("let kept = 1;");
        let nest = "let a = 1; for i in range(20000) { let b = a; let g = || b; a = [[[[[[[[[[[[[[[g]]]]]]]]]]]]]]]; }";
        let dropped = "dropped because they were too large or nested too deep: a";
        assert_eq!(bench.prints(nest), format!("{dropped}\n"));
        assert_eq!(
            bench.prints(&format!("{nest} print(a);")),
            format!("[[[[[[[[[[[[[[[closure]]]]]]]]]]]]]]]\n{dropped}\n")
        );
        let too_deep = format!("the value is nested deeper than 100 lists; keep lists flat; {dropped}");
        assert!(bench.fails(&format!("{nest} a == a")).ends_with(&too_deep));
        assert!(bench.fails(&format!("{nest} #{{k: a}}.to_json()")).ends_with(&too_deep));
        assert!(bench.fails(&format!("{nest} throw a;")).contains("thrown: a value that is nested too deep"));
        bench.prints(&format!("{nest} switch a {{ 1 => 2, _ => 3 }}"));
        bench.fails("let h = [[]]; loop { h.push([h.pop()]); }");
        bench.hits_limit("let l = []; loop { l = [l]; }");
        bench.hits_limit("let a = 1; loop { let b = a; let g = || b; a = [[[[[[[[[[[[[[[g]]]]]]]]]]]]]]]; }");
        assert_eq!(bench.run("kept").value.as_deref(), Some("int 1"));
        bench.refuses("a");
    });
}

#[test]
fn a_cell_ends_at_its_time() {
    let mut bench = Bench::with(|context| {
        context.limits.max_cell_time = Duration::from_millis(50);
        context.limits.max_operations = u64::MAX;
    });
    assert_eq!(bench.run("loop { }").status, CellStatus::TimedOut);
    assert_eq!(bench.run("try { [1].map(|x| { loop { } }); } catch { } print(1);").status, CellStatus::TimedOut);
    assert_eq!(bench.run("1 + 1").value.as_deref(), Some("int 2"));
    let mut late = Bench::with(|context| context.deadline = Instant::now());
    assert_eq!(late.run("1 + 1").status, CellStatus::TimedOut);
}

#[test]
fn cancelling_ends_the_cell() {
    let mut bench = Bench::with(|context| {
        context.limits.max_operations = u64::MAX;
        let cancel = context.cancel.clone();
        std::thread::spawn(move || cancel.cancel());
    });
    assert_eq!(bench.run("loop { }").status, CellStatus::Cancelled);
    assert_eq!(bench.run("1 + 1").status, CellStatus::Cancelled);
}

#[test]
fn tool_calls_are_counted_over_the_goal() {
    let mut bench = Bench::with(|context| context.limits.max_tool_calls = 3);
    assert_eq!(bench.run("tools.Scene.labels(); tools.Scene.labels();").n_tool_calls, 2);
    let report = bench.run("for i in range(5) { tools.Scene.labels(); }");
    let CellStatus::LimitReached(error) = &report.status else { panic!("{:?}", report.status) };
    assert_eq!(error.message, "tools.Scene.labels is tool call 4 of 3 allowed; submit what is known");
    assert_eq!(report.n_tool_calls, 1);
    assert!(matches!(bench.submits("Refuse(\"NO_ANSWER\", \"calls are used up\")"), Submission::Refusal(_)));
}

#[test]
fn submitting_ends_the_cell_and_cannot_be_caught() {
    let mut bench = Bench::new();
    for source in [
        "ReturnAnswer(\"yes\"); print(\"after\");",
        "try { ReturnAnswer(\"yes\"); } catch (e) { print(\"caught\"); } print(\"after\");",
        "try { [1].map(|x| ReturnAnswer(\"yes\")); } catch (e) { print(\"caught\"); } print(\"after\");",
        "fn submit() { ReturnAnswer(\"yes\") } submit(); print(\"after\");",
    ] {
        let report = bench.run(source);
        assert_eq!(report.status, CellStatus::Completed, "{source}");
        assert_eq!(report.stdout, "", "{source}");
        let Some(Submission::Answer(answer)) = report.submission else { panic!("{source}") };
        assert_eq!(answer.value, AnswerValue::Text("yes".to_owned()));
    }
}

#[test]
fn a_cell_that_fails_submits_nothing() {
    let mut bench = Bench::with(|context| context.answer_kind = AnswerKind::Number);
    let report = bench.run("ReturnAnswer(\"yes\");");
    assert_eq!(report.submission, None);
    let CellStatus::Failed(error) = report.status else { panic!("{:?}", report.status) };
    assert_eq!(error.code, Some(ErrorCode::WrongAnswerKind));
}

#[test]
fn pictures_are_shown_up_to_the_limit() {
    let mut bench = Bench::with(|context| context.limits.max_pictures = 2);
    let report =
        bench.run("show(InputImages[-1], \"now\"); show(tools.SAM3.segment_image_by_text(InputImages[-1], \"mug\"));");
    let labels: Vec<&str> = report.pictures.iter().map(|picture| picture.label.as_str()).collect();
    assert_eq!(labels, ["now", "0: mug in frame 0 (camera front at 12.300)"]);
    // A strip with the label lies beneath.
    let n_tinted = |label: usize| {
        let image = &report.pictures[label].image;
        let height = front_view().image.height();
        image.enumerate_pixels().filter(|(_, v, pixel)| *v < height && pixel.0 != [90, 90, 90]).count()
    };
    let n_mug = front_view().labels.unwrap().ids.iter().filter(|id| **id == MUG).count();
    assert_eq!(n_tinted(0), 0);
    assert!(n_tinted(1) >= n_mug && n_tinted(1) < 2 * n_mug, "{} of {n_mug}", n_tinted(1));
    let report = bench.run("for i in range(5) { show(InputImages[0]); }");
    assert_eq!(report.pictures.len(), 2);
    assert_eq!(report.stdout, "[3 pictures left out; one cell shows at most 2]\n");
}

#[test]
fn a_long_goal_does_not_leak() {
    let mut bench = Bench::with(|context| context.limits.max_memory_bytes = 32 << 20);
    for _ in 0..60 {
        let report = bench.run(
            "let mug = tools.Scene.find(\"mug\"); show(tools.SAM3.segment_image_by_text(InputImages[0], \"mug\")); \
             print(\"x\" * 20000); let f = |q| q + 1; f.call(1)",
        );
        assert_eq!(report.status, CellStatus::Completed);
        // The report is freed on another thread, as by the agent.
        std::thread::spawn(move || drop(report)).join().unwrap();
    }
}
