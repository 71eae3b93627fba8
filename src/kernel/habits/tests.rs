//! What becomes of a cell's text.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{Names, lower};

fn with_names<T>(run: impl FnOnce(&Names<'_>) -> T) -> T {
    let natives: BTreeSet<String> =
        ["print", "len", "sum", "min", "max", "sorted", "range", "enumerate", "zip"].map(str::to_owned).into();
    let functions = BTreeMap::from([("half".to_owned(), vec![vec!["of".to_owned()]])]);
    let aliases = BTreeMap::from([("copied".to_owned(), "known".to_owned())]);
    run(&Names {
        injected: &["tools", "np"].map(str::to_owned).into(),
        variables: ["known", "copied", "act"].into(),
        closures: ["act"].into(),
        constants: BTreeSet::new(),
        is_built_in: |name| ["tools", "np"].contains(&name),
        functions: &functions,
        natives: &natives,
        aliases: &aliases,
    })
}

fn check(source: &str, expected: &str) {
    let lowered = with_names(|names| lower(source, names)).unwrap();
    assert_eq!(lowered.text, expected, "{source}");
    assert_eq!(lowered.unread, None, "{source}");
}

fn check_refused(source: &str, place: (usize, usize), message: &str, fix: Option<&str>) {
    let mistakes = with_names(|names| lower(source, names)).unwrap_err();
    let first = mistakes.first().unwrap();
    assert_eq!((first.line, first.column), place, "{source}");
    assert!(first.message.contains(message), "{source}: {}", first.message);
    assert_eq!(first.fix.as_deref(), fix, "{source}");
}

#[test]
fn plain_rhai_stays_as_it_is() {
    for source in [
        "let mug = tools.Scene.find(\"mug\");\nprint(`at ${mug.center[2]} m`);",
        "fn f(a, b) {\n  if a > b { a } else { b }\n}\nlet m = #{key: [1, 2], \"other\": |x| x + 1};",
        "rows.sort(|p, q| if p.m.value > q.m.value { -1 } else { 1 });",
        "for x in 0..3 { if x == 1 { continue; } else if x > 1 { break; } }",
        "loop { if known > 1 { break #{a: 1}; } else { continue // next\n} }",
        "let v = if known > 1 { 1 } else { 2 };\nlet w = switch v { 1 | 2 => \"a\", _ if v > 3 => { 4 }, _ => () };",
        "try { throw #{code: 1}; } catch (e) { print(e); }",
        "do { known += 1; } while known < 3;\nloop { break; }",
        "// comment\n/* block\n comment */ let a = -1;\n\n",
        "x.filter(|v| v > 1 && v < 3)\n  .map(|v| v * 2)\n  .len()",
        "const LIMIT = 5;\nlet list = [[1, 2], [3]];\nlist[0][1] = LIMIT;",
        "let s = #\"raw \"text\"\"#;\nlet big = 1_000;\nlet t = s?.len ?? 0;",
        "let sum = known\n    - 1\n    + 2;",
        "{ let inner = 1; inner }",
    ] {
        check(source, source);
    }
}

#[test]
fn words_and_texts_of_python_are_said_in_rhai() {
    check("x = 'it\\'s \"q\"'", "let x = \"it's \\\"q\\\"\"");
    check("# note\nprint(True, None) # end", "// note\nprint(true, ()) // end");
    check("ok = known > 1 and not known == 2 or False", "let ok = known > 1 && !(known == 2) || false");
    check("s = f\"{known:.2f} m\"", "let s = (__fmt(known, \".2f\") + \" m\")");
    check("s = f'a{known!r}{{}}'", "let s = (\"a\" + __repr(known) + \"{}\")");
    check("s = \"\"\"two\nlines\"\"\"\nprint(s)", "let s = \"two\\nlines\"\n;\nprint(s)");
    check("s = ('a' 'b')", "let s = ((\"a\" + \"b\"))");
    check("x = .5 + 1e-3 + 2.", "let x = 0.5 + 1.0e-3 + 2.0");
    check("import numpy as np, math\nprint(np.pi)", "\nprint(np.pi)");
    check("import numpy\nprint(numpy.pi)", "\nprint(np.pi)");
}

#[test]
fn blocks_by_indentation_get_braces_on_the_same_lines() {
    check(
        "if known > 1:\n    x = 1\nelif known:\n    x = 2\nelse:\n    x = 3\nprint(x)",
        "let x = __unset(); if known > 1 {\n    x = 1 }\nelse if known {\n    x = 2 }\nelse {\n    x = 3 }\nprint(x)",
    );
    check("for i in range(3): print(i)", "for i in range(3) { print(i) }");
    check("while True:\n    break", "while true {\n    break }");
    check("try:\n    known()\nexcept ValueError as e:\n    pass", "try {\n    known.call() }\ncatch (e) {\n    (); }");
    check(
        "def f(a, b=2):\n    return a + b\nf(1)\nf(b=1, a=2)",
        "fn f(a, b) {\n    return a + b; return } fn f(a) { f(a, 2) }\nf(1);\nf( 2, 1)",
    );
    check("def g(a):\n    return a + known\ng(1)", "let g = |a| {\n    return a + known; return };\ng.call(1)");
}

#[test]
fn variables_get_their_let_where_python_has_its_scope() {
    check("x = 1\nx = 2\nknown = 3", "let x = 1;\nx = 2;\nknown = 3");
    check("a, b = 1, 2", "let __t1 = [1, 2]; let __t2 = __unpack(__t1, 2, \"a, b\"); let a = __t2[0]; let b = __t2[1]");
    check("a = b = 0", "let b = 0; let a = b");
    check("x: float = 1", "let x = 1");
    check("known /= 2", "known = known / (2)");
    check("known[0] %= 3", "known[0] = known[0] % (3)");
    check("del known[0]", " known.__delete(0)".trim_start());
}

#[test]
fn expressions_keep_the_precedence_of_python() {
    check("-known ** 2", "-(known ** 2)");
    check("1 < known < 3", "(1 < known && known < 3)");
    check("a = 1 if known else 2", "let a = (if known { 1  } else { 2 })");
    check("3 not in [1]", "3 !in [1]");
    check("known is None", "__is_none(known)");
    check("known != None", "!__is_none(known)");
    check(
        "[2 * i for i in range(3) if i > 1]",
        "({ let __t1 = []; for i in range(3) { if i > 1 { __t1.push(2 * i); } } __t1 })",
    );
    check("sum(i for i in [1])", "__sum(({ let __t1 = []; for i in [1] { __t1.push(i); } __t1 }))");
    check("{k: 1 for k in [1]}", "({ let __t1 = dict(); for k in [1] { __t1[k] = 1; } __t1 })");
    check("{'a': 1, 2: [3]}", "__dict([[\"a\", 1], [2, [3]]])");
    check("(1, 2)", "[1, 2]");
    check("sorted([1], key=lambda v: -v, reverse=True)", "sorted([1], #{key:|v| -v, reverse:true})");
    check(
        "list = known[1:], known[::2], known[:, 0], known[0, 1:2]",
        "let list = [known.slice(1, ()), known.slice((), (), 2), known.nd([(),  0]), known.nd([0,  [1, 2]])]",
    );
    check("known[:, 1] = 0", "known.nd_set([(),  1],   0)");
    check("let go = 1;", "let go_ = 1;");
    check("known[:, known]", "known.nd([(),  __places(known)])");
    check("known[1:] = [0]", "known.nd_set([[1, ()]],   [0])");
    check("act(3)", "act.call(3)");
    check("half(of=3)", "half(3)");
    check("print(1, sep='-')", "print(__joined([1],  #{sep:\"-\"}))");
    check("tools.X.f(1, {'a': 2})", "tools.X.f(1, #{\"a\": 2})");
    check("known @ known", "matmul(known , known)");
}

#[test]
fn what_has_no_form_here_is_refused_with_the_line_that_works() {
    check_refused("n = known // 2", (1, 11), "int_div", Some("n = int_div(known, 2)"));
    check_refused("n = known // 2 // 3", (1, 11), "int_div", Some("n = int_div(int_div(known, 2), 3)"));
    check_refused("n = known // 2 // per cell", (1, 11), "int_div", Some("n = int_div(known, 2) // per cell"));
    check_refused("n = known // 2 if known else known // 3", (1, 11), "int_div", None);
    check_refused("n = known // 2 #\"half\"", (1, 11), "int_div", Some("n = int_div(known, 2) #\"half\""));
    check_refused("n = known // 2 #{see note}", (1, 11), "int_div", Some("n = int_div(known, 2) #{see note}"));
    check_refused("n = known \\\n // 2", (2, 2), "int_div", None);
    check_refused("n = (known\n // 2\n)", (2, 2), "int_div", None);
    check_refused("h = known // 2; let r = 1", (1, 11), "int_div", Some("h = int_div(known, 2); let r = 1"));
    check_refused("n = known // +2", (1, 11), "int_div", None);
    check_refused("n = 3 * known // 2", (1, 15), "int_div", None);
    check_refused("n = -known // 2", (1, 12), "int_div", None);
    check_refused("n = 3 - known // 2", (1, 15), "int_div", Some("n = 3 - int_div(known, 2)"));
    check_refused("n = known // 2 ** 3", (1, 11), "int_div", None);
    check_refused("n = known ** 2 // 3", (1, 16), "int_div", None);
    check_refused(&format!("n = known{}", "//1".repeat(60_000)), (1, 10), "int_div", None);
    check("x = (known,  # the first\n     known)", "let x = [known,  // the first\n     known]");
    check_refused("n = known // len(\"a//b\")", (1, 11), "int_div", Some("n = int_div(known, len(\"a//b\"))"));
    check_refused("x = 1\nn = len([1]) // half(2)", (2, 14), "int_div", Some("n = int_div(len([1]), half(2))"));
    check_refused("m = known > 1 & known < 2", (1, 5), "in brackets", Some("m = (known > 1) & (known < 2)"));
    check_refused(
        "half(1) < half(2) < half(3)",
        (1, 1),
        "cannot be chained",
        Some("half(1) < half(2) && half(2) < half(3)"),
    );
    check_refused("x++", (1, 2), "`++`", Some("x += 1"));
    check_refused("class A:\n    pass", (1, 1), "no classes", None);
    check_refused("with known as f:\n    pass", (1, 1), "`with`", None);
    check_refused("import os", (1, 1), "no module os", None);
    check_refused("f(*known)", (1, 3), "spread", None);
    check_refused("if known:\nx = 1", (2, 1), "block after `:` is empty", None);
    check_refused("x = known is 3", (1, 11), "`is` compares identities", Some("x = known == 3"));
    check_refused("\"never ends", (1, 1), "has no end", None);
    check_refused("\"a\"\"b\"", (1, 4), "side by side", None);
    check_refused("const L = [1]; L.push(2);", (1, 18), "is a constant", None);
    check_refused("def f(*a):\n    pass", (1, 7), "fixed number", None);
    check_refused("for i in [1]:\n    pass\nelse:\n    pass", (3, 1), "`else` after a `for` loop", None);
}

#[test]
fn a_copy_that_is_changed_in_place_is_looked_at_when_it_runs() {
    check(
        "a = [1]\nb = a\nb.append(2)",
        "let a = [1];\nlet b = __own(a, \"b\", \"`a`\", \"b = a.copy()\");\nb.append(2)",
    );
    check(
        "a = [1]\nb = a\na[0] = 2\nprint(b)",
        "let a = [1];\nlet b = __own(a, \"b\", \"`a`\", \"b = a.copy()\");\na[0] = 2;\nprint(b)",
    );
    check("a = [1]\nb = a\nb = [2]\nb.append(2)", "let a = [1];\nlet b = a;\nb = [2];\nb.append(2)");
    check("a = [1]\nb = a.copy()\nb.append(2)", "let a = [1];\nlet b = a.copy();\nb.append(2)");
    check("copied.push(1)", "__own(copied, \"copied\", \"`known`\", \"copied = copied.copy()\"); copied.push(1)");
    check(
        "fn f(l) { l.push(1); }",
        "fn f(l) { __own(l, \"l\", \"what `f` is called with\", \"l = l.copy()\"); l.push(1); }",
    );
    check(
        "for row in known { row[0] = 1; }",
        "for row in known { __own(row, \"row\", \"an item of `known`\", \"row = row.copy()\"); row[0] = 1; }",
    );
}

#[test]
fn places_are_those_of_the_models_own_text() {
    let source = "x = 1 if known else oops\ny = [bad(i) for i in [1]]";
    let lowered = with_names(|names| lower(source, names)).unwrap();
    for name in ["oops", "bad", "known"] {
        let find = |text: &str| {
            text.split('\n').enumerate().find_map(|(line, text)| {
                text.find(name).map(|at| (line + 1, text.get(..at).map_or(0, |before| before.chars().count()) + 1))
            })
        };
        let (line, column) = find(&lowered.text).unwrap();
        assert_eq!(Some(lowered.positions.origin(line, column)), find(source), "{name}");
    }
}

/// Pieces of both languages, put together at random.
fn any_cell() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "#{",
        ",",
        ";",
        ":",
        ".",
        "=",
        "==",
        "<",
        "+",
        "-",
        "**",
        "/",
        "|",
        "||",
        "&&",
        "!",
        "..",
        "=>",
        "\n",
        "\n",
        "\n    ",
        " if ",
        " else ",
        "elif ",
        "else:\n",
        " for ",
        " in ",
        "while ",
        "def f(x):\n    ",
        "fn f(x) {",
        "lambda x: ",
        "try:\n",
        "except E as e:\n",
        "return ",
        "let ",
        "import ",
        "not ",
        " is ",
        "None",
        " and ",
        "x",
        "known",
        "1",
        "2.5",
        "'a'",
        "\"b\"",
        "f\"{x:.2f}\"",
        "`${x}`",
        "# c\n",
        "// d\n",
        "/*",
        "\"\"\"",
        "\\",
        "é",
        "𝄞",
        "\0",
        "del ",
        "assert ",
        "raise ",
        "switch ",
        "@",
        ":=",
        "+=",
        "/=",
    ]);
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_read_or_refused_on_its_own_lines(source in prop_oneof![any_cell(), any::<String>()]) {
        let n_lines = source.split('\n').count();
        match with_names(|names| lower(&source, names)) {
            Ok(lowered) => prop_assert_eq!(lowered.text.split('\n').count(), n_lines),
            Err(mistakes) => prop_assert!(mistakes.iter().all(|mistake| (1..=n_lines).contains(&mistake.line))),
        }
    }

    #[test]
    fn plain_rhai_is_said_once(names in prop::collection::vec("[a-d]", 1..5), numbers in prop::collection::vec(-9i32..9, 1..5)) {
        let mut source = String::new();
        for (name, number) in names.iter().zip(&numbers) {
            source.push_str(&format!("let {name} = [{number}, {number} * 2];\nif {name}.len() > {number} {{ print({name}[0]); }}\n"));
        }
        let once = with_names(|names| lower(&source, names)).unwrap().text;
        prop_assert_eq!(&once, &source);
        prop_assert_eq!(with_names(|names| lower(&once, names)).unwrap().text, once);
    }
}
