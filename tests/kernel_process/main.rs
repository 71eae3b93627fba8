//! The kernel in its own process: the same reports as on a thread, and walls that hold where the kernel's own limits do not see.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

#[path = "../support/mod.rs"]
mod support;

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::FutureExt;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use spatialclaw::{
    error_code::ErrorCode,
    kernel::{Cell, CellError, CellReport, CellStatus, Isolation, KernelContext, KernelHandle, ProcessOptions},
    llm::{ModelError, VlmHandle},
    perception::{PerceptionError, Prompt, Segment, Segmenter},
    scene::View,
};
use support::table_world::{
    seeing_model::{SeeingModel, handle, long, plain_model},
    *,
};

/// Children are found by their parent, which is the same for all tests of this file.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test)
}

fn options() -> ProcessOptions {
    ProcessOptions { program: PathBuf::from(env!("CARGO_BIN_EXE_spatialclaw_kernel")), address_space_bytes: None }
}

fn table() -> KernelContext {
    context(snapshot_of(vec![front_view()]))
}

fn in_process(context: KernelContext) -> KernelHandle {
    KernelHandle::spawn_in(context, Isolation::Process(options())).unwrap()
}

fn cell(source: &str) -> Cell {
    Cell { id: 1, purpose: String::new(), source: source.to_owned() }
}

async fn value(kernel: &mut KernelHandle, source: &str) -> Option<String> {
    let CellReport { status, value, .. } = kernel.run_cell(cell(source)).await;
    assert_eq!(status, CellStatus::Completed, "{source}");
    value
}

fn error(report: &CellReport) -> &CellError {
    match &report.status {
        CellStatus::Failed(error) | CellStatus::LimitReached(error) => error,
        other => panic!("{other:?}"),
    }
}

/// Processes whose parent is this one, zombies included.
fn children() -> BTreeSet<i32> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    processes.filter(|pid| parent_of(*pid) == Some(std::process::id() as i32)).collect()
}

fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

fn child() -> i32 {
    let children = children();
    assert_eq!(children.len(), 1, "{children:?}");
    *children.first().unwrap()
}

fn n_open_files(process: &str) -> usize {
    fs::read_dir(format!("/proc/{process}/fd")).unwrap().count()
}

/// Looks until it is so, for what another process or task does on its own.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < patience, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Everything but the time it took, in words; pictures by their pixels.
fn words(report: &CellReport) -> String {
    let CellReport { status, stdout, value, variables, pictures, submission, n_tool_calls, .. } = report;
    let pictures: Vec<_> =
        pictures.iter().map(|p| (&p.label, p.image.dimensions(), p.image.as_raw().clone())).collect();
    format!("{status:#?}\n{stdout}\n{value:?}\n{variables:#?}\n{submission:#?}\n{n_tool_calls}\n{pictures:?}")
}

/// Cells of all kinds in the order of one goal: the language, what stays, mistakes of every sort, limits.
const CELLS: &[&str] = &[
    "1 / 2",
    "let mug = tools.Scene.find(\"mug\"); let bowl = tools.Scene.find(\"bowl\"); mug",
    "let d = tools.Geometry.surface_distance(mug, bowl); print(d); d",
    "fn twice(x) { x * 2 } let items = [1, 2.5, \"three\", [4, 5]]; twice(21)",
    "items.push(twice(3)); items",
    "show(InputImages[0]);",
    "for i in range(20000) { print(i); }",
    "let x = 1;\nlet y = unknown + x;",
    "tools.Scene.find(\"mugg\")",
    "tools.Scene.find(\"unicorn\")",
    "let a = 1;\nlet b = a.nothing;",
    "let s = \"ü\" * 50; s",
    "loop { }",
    "fn deep(n) { deep(n + 1) } deep(0)",
    "let big = \"x\"; loop { big += big; }",
    "eval(\"1\")",
    "import \"fs\" as fs;",
    "throw \"enough\";",
    "Refuse(\"NOT_MEASURABLE\", \"the handle is out of view\");",
    "ReturnAnswer(tools.Geometry.surface_distance(mug, bowl), #{text: \"that far\"});",
    "x",
];

#[test]
fn a_process_reports_what_a_thread_reports() {
    let _alone = alone();
    run(async {
        let small = |context: &mut KernelContext| {
            context.limits.max_operations = 200_000;
            context.limits.max_memory_bytes = 64 << 20;
        };
        let (mut context_a, mut context_b) = (table(), table());
        small(&mut context_a);
        small(&mut context_b);
        let mut thread = KernelHandle::spawn(context_a).unwrap();
        let mut process = in_process(context_b);
        let mut kinds = BTreeSet::new();
        for (source, id) in CELLS.iter().zip(1..) {
            let cell = Cell { id, ..cell(source) };
            let (expected, found) = (thread.run_cell(cell.clone()).await, process.run_cell(cell).await);
            assert_eq!(words(&found), words(&expected), "{source}");
            kinds.insert(format!("{:?}", expected.status).split('(').next().unwrap().to_owned());
            kinds.extend(expected.submission.is_some().then(|| "submission".to_owned()));
            kinds.extend((!expected.pictures.is_empty()).then(|| "pictures".to_owned()));
        }
        let all = ["Completed", "Failed", "LimitReached", "Rejected", "pictures", "submission"];
        assert_eq!(kinds.iter().map(String::as_str).collect::<Vec<_>>(), all);
    });
}

#[test]
fn examples_of_the_manual_run_alike() {
    let _alone = alone();
    run(async {
        for spec in spatialclaw::tools::all() {
            let expected = KernelHandle::spawn(table()).unwrap().run_cell(cell(spec.example)).await;
            let found = in_process(table()).run_cell(cell(spec.example)).await;
            assert_eq!(words(&found), words(&expected), "{}", spec.path);
        }
    });
}

#[test]
fn one_operation_beyond_the_account_ends_the_process_alone() {
    let _alone = alone();
    run(async {
        let mut context = table();
        // The account never stops this kernel; only the wall is left.
        context.limits.max_memory_bytes = 1 << 40;
        let wall = ProcessOptions { address_space_bytes: Some(2 << 30), ..options() };
        let mut kernel = KernelHandle::spawn_in(context, Isolation::Process(wall)).unwrap();
        assert_eq!(value(&mut kernel, "let a = 1; let b = 2; a + b").await.as_deref(), Some("int 3"));
        let first = child();
        for bomb in ["np.zeros(400000000)", "let l = []; loop { l.push(np.zeros(1000000)); }"] {
            let report = kernel.run_cell(cell(bomb)).await;
            assert!(matches!(report.status, CellStatus::LimitReached(_)), "{bomb}: {report:?}");
            let error = error(&report);
            assert_eq!(error.code, Some(ErrorCode::BudgetExceeded));
            assert_eq!(
                error.message,
                "the cell took far more than 1048576 MiB at once, and its process was ended; keep less in lists, texts and \
                 arrays; a new one was started, so define again what you need"
            );
            assert!(report.stdout.starts_with("[the kernel was replaced; lost: "), "{}", report.stdout);
            assert_eq!(value(&mut kernel, "let c = 3; c").await.as_deref(), Some("int 3"));
            assert_ne!(child(), first);
        }
    });
}

/// The account of 64 MiB stands, and so does a wall that leaves room for it.
#[test]
fn the_wall_leaves_room_for_what_the_account_allows() {
    let _alone = alone();
    run(async {
        let mut context = table();
        context.limits.max_memory_bytes = 64 << 20;
        let mut kernel = in_process(context);
        assert!(value(&mut kernel, "let s = np.zeros(7000000); len(s)").await.is_some());
        let before = child();
        let report = kernel.run_cell(cell("let t = np.zeros(7500000);")).await;
        assert!(error(&report).message.contains("needs more than 64 MiB"), "{:?}", report.status);
        assert_eq!(child(), before);
        let limits = fs::read_to_string(format!("/proc/{before}/limits")).unwrap();
        let limit = |name: &str| -> u64 {
            let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
            line.trim_start_matches(name).split_whitespace().next().unwrap().parse().unwrap()
        };
        // A stack of 1 GiB that is only touched in need, and room beside it.
        assert!((1 << 30..2 << 30).contains(&limit("Max address space")), "{limits}");
        assert_eq!((limit("Max open files"), limit("Max file size"), limit("Max core file size")), (3, 0, 0));
        assert!(limit("Max cpu time") < 600 * 1000, "{limits}");
    });
}

#[test]
fn a_killed_child_is_replaced_and_the_loss_is_told() {
    let _alone = alone();
    run(async {
        let mut context = table();
        context.limits.max_operations = u64::MAX;
        let mut kernel = in_process(context);
        assert_eq!(value(&mut kernel, "let a = 1; a").await.as_deref(), Some("int 1"));
        let pid = child();
        let killed_in_a_cell = async {
            until("the cell runs", || is_running(pid)).await;
            kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
        };
        let (report, ()) = tokio::join!(kernel.run_cell(cell("loop { }")), killed_in_a_cell);
        assert!(matches!(report.status, CellStatus::Failed(_)), "{report:?}");
        assert_eq!(error(&report).code, Some(ErrorCode::InternalError));
        let message =
            "the kernel's process was ended by signal 9; a new one was started, so define again what you need";
        assert_eq!(error(&report).message, message);
        assert_eq!(report.stdout, "[the kernel was replaced; lost: a, and all functions]\n");
        assert_eq!(value(&mut kernel, "2 + 3").await.as_deref(), Some("int 5"));
        // Between two cells it is told to the next one.
        kill(Pid::from_raw(child()), Signal::SIGKILL).unwrap();
        assert_eq!(error(&kernel.run_cell(cell("1")).await).message, message);
        assert_eq!(value(&mut kernel, "2 + 3").await.as_deref(), Some("int 5"));
    });
}

fn is_running(pid: i32) -> bool {
    let state = |path: &Path| {
        let stat = fs::read_to_string(path.join("stat")).ok()?;
        stat.contains("(kernel)").then(|| stat.rsplit_once(") ").map(|(_, rest)| rest.starts_with('R')))?
    };
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    threads.filter_map(|thread| state(&thread.ok()?.path())).any(|is_running| is_running)
}

#[test]
fn cancel_and_time_end_a_cell_and_keep_the_child() {
    let _alone = alone();
    run(async {
        let mut context = table();
        context.limits.max_operations = u64::MAX;
        let cancel = context.cancel.clone();
        let mut kernel = in_process(context);
        assert_eq!(value(&mut kernel, "let x = 1; x").await.as_deref(), Some("int 1"));
        let pid = child();
        let cancelled = async {
            until("the cell runs", || is_running(pid)).await;
            cancel.cancel();
        };
        let (report, ()) = tokio::join!(kernel.run_cell(cell("loop { }")), cancelled);
        assert_eq!(report.status, CellStatus::Cancelled);
        assert_eq!((report.stdout.as_str(), child()), ("", pid));
    });
    run(async {
        let mut context = table();
        context.limits.max_operations = u64::MAX;
        context.limits.max_cell_time = Duration::from_millis(50);
        let mut kernel = in_process(context);
        let report = kernel.run_cell(cell("let kept = 7; loop { }")).await;
        assert_eq!(report.status, CellStatus::TimedOut);
        assert_eq!(value(&mut kernel, "kept").await.as_deref(), Some("int 7"));
    });
    run(async {
        let mut context = table();
        context.limits.max_operations = u64::MAX;
        context.deadline = Instant::now() + Duration::from_millis(200);
        let report = in_process(context).run_cell(cell("loop { }")).await;
        assert_eq!(report.status, CellStatus::TimedOut);
    });
}

/// A stopped process stands for a native call that never ends.
#[test]
fn a_hanging_child_is_killed() {
    let _alone = alone();
    run(async {
        let mut context = table();
        context.limits.max_cell_time = Duration::from_millis(50);
        let mut kernel = in_process(context).with_grace(Duration::from_millis(50));
        // A slow start is within the cell's time, so this one may come late or not at all.
        let _ = kernel.run_cell(cell("1")).await;
        until("one child", || children().len() == 1).await;
        let pid = child();
        kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
        let report = kernel.run_cell(cell("1 + 1")).await;
        assert_eq!(report.status, CellStatus::TimedOut);
        assert!(report.stdout.starts_with("[the kernel was replaced; lost: "), "{}", report.stdout);
        until("the hanging child is gone", || !children().contains(&pid)).await;
    });
}

#[test]
fn an_abandoned_cell_ends_its_child() {
    let _alone = alone();
    run(async {
        let mut context = table();
        context.limits.max_operations = u64::MAX;
        let mut kernel = in_process(context);
        assert_eq!(value(&mut kernel, "let x = 1; x").await.as_deref(), Some("int 1"));
        let pid = child();
        let abandoned = tokio::time::timeout(Duration::from_millis(20), kernel.run_cell(cell("loop { }"))).await;
        assert!(abandoned.is_err());
        let report = kernel.run_cell(cell("x")).await;
        assert!(error(&report).message.starts_with("the last cell was abandoned; a new one was started"));
        until("the first child is gone", || !children().contains(&pid)).await;
        assert_eq!(value(&mut kernel, "1 + 1").await.as_deref(), Some("int 2"));
    });
}

#[test]
fn models_are_asked_by_the_parent() {
    let _alone = alone();
    run(async {
        let model = plain_model();
        let context = || KernelContext { vlm: Some(handle(model.clone(), long())), ..table() };
        let cells = [
            "let there = vlm.locate(InputImages[-1], [\"the mug\", \"the bowl\"]); there[1].boxes[0]",
            "vlm.ask_with_thinking(InputImages, \"What is there?\")",
            "vlm.locate(InputImages, \"\")",
        ];
        let (mut thread, mut process) = (KernelHandle::spawn(context()).unwrap(), in_process(context()));
        for source in cells {
            let expected = thread.run_cell(cell(source)).await;
            assert_eq!(words(&process.run_cell(cell(source)).await), words(&expected), "{source}");
        }
        let mut asked: Vec<String> = model.requests().iter().map(|request| format!("{:?}", request.messages)).collect();
        assert_eq!(asked.len(), 6);
        asked.sort();
        let are_pairs = asked.chunks(2).all(|pair| pair.first() == pair.last());
        asked.dedup();
        assert!(are_pairs && asked.len() == 3, "{} different requests", asked.len());
    });
}

#[test]
fn an_outage_of_a_model_and_no_model_are_told_as_on_a_thread() {
    let _alone = alone();
    run(async {
        let down = || {
            let error = ModelError::Unavailable { model: "m".to_owned(), reason: "no route".to_owned() };
            let model = SeeingModel::acting(move |_| std::future::ready(Err(error.clone())).boxed());
            Some(handle(model, long()))
        };
        for vlm in [down, || None] as [fn() -> Option<VlmHandle>; 2] {
            let context = || KernelContext { vlm: vlm(), ..table() };
            let source = "vlm.ask_with_thinking(InputImages, \"What is there?\")";
            let expected = KernelHandle::spawn(context()).unwrap().run_cell(cell(source)).await;
            assert_eq!(error(&expected).code, Some(ErrorCode::ModelUnavailable));
            assert_eq!(words(&in_process(context()).run_cell(cell(source)).await), words(&expected));
        }
    });
}

/// A model that never answers: the cell's time ends the call, in the parent too, and the kernel lives on.
#[test]
fn a_call_of_a_model_ends_with_its_cell() {
    let _alone = alone();
    run(async {
        let (began, mut begins) = tokio::sync::mpsc::unbounded_channel();
        let model = SeeingModel::acting(move |_| {
            let (hold, dropped) = tokio::sync::oneshot::channel::<()>();
            began.send(dropped).unwrap();
            async move {
                let _held = hold;
                std::future::pending().await
            }
            .boxed()
        });
        // Waiting for a model costs no time of the cell; the goal's deadline ends it.
        let deadline = Instant::now() + Duration::from_secs(3);
        let context = KernelContext { vlm: Some(handle(model, deadline)), deadline, ..table() };
        let mut kernel = in_process(context);
        assert_eq!(value(&mut kernel, "let kept = 7; kept").await.as_deref(), Some("int 7"));
        let report = kernel.run_cell(cell("vlm.ask_with_thinking(InputImages, \"What is there?\")")).await;
        assert!(!matches!(report.status, CellStatus::Completed), "{:?}", report.status);
        assert!(begins.recv().await.unwrap().await.is_err());
    });
}

/// What a question measured is remembered by the node, wherever it was measured.
#[test]
fn sightings_come_back_to_the_parent() {
    let _alone = alone();
    run(async {
        let (of_thread, of_process) = (table(), table());
        let (mut thread, mut process) =
            (KernelHandle::spawn(of_thread.clone()).unwrap(), in_process(of_process.clone()));
        for source in ["tools.Scene.find(\"mug\");", "tools.Scene.find(\"bowl\"); tools.Scene.find(\"mug\");"] {
            thread.run_cell(cell(source)).await;
            process.run_cell(cell(source)).await;
        }
        let expected = of_thread.snapshot.memory.take_sightings();
        assert_eq!(expected.iter().map(|s| s.label.as_str()).collect::<Vec<_>>(), ["mug", "bowl"]);
        assert_eq!(of_process.snapshot.memory.take_sightings(), expected);
    });
}

#[test]
fn goals_leave_nothing_behind() {
    let _alone = alone();
    run(async {
        let goal = async || {
            let mut kernel = in_process(table());
            assert_eq!(value(&mut kernel, "6 * 7").await.as_deref(), Some("int 42"));
        };
        // The runtime opens what it needs for children once.
        goal().await;
        until("no child", || children().is_empty()).await;
        let before = n_open_files("self");
        for _ in 0..50 {
            goal().await;
        }
        until("no child", || children().is_empty()).await;
        until("no file", || n_open_files("self") <= before).await;
    });
}

#[test]
fn a_child_inherits_nothing() {
    let _alone = alone();
    run(async {
        // As a library does that knows nothing of `exec`: these stay open over it.
        let leaked = nix::unistd::pipe().unwrap();
        let mut kernel = in_process(table());
        assert_eq!(value(&mut kernel, "1").await.as_deref(), Some("int 1"));
        let pid = child();
        drop(leaked);
        assert!(env::vars_os().count() > 1, "nothing to inherit");
        assert_eq!(fs::read_to_string(format!("/proc/{pid}/environ")).unwrap(), "MALLOC_ARENA_MAX=2\0");
        let files: Vec<(String, String)> = fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let target = fs::read_link(&path).unwrap().to_str().unwrap().to_owned();
                (path.file_name().unwrap().to_str().unwrap().to_owned(), target)
            })
            .collect();
        assert!(files.len() == 3 && files.iter().all(|(_, target)| target.starts_with("pipe:")), "{files:?}");
        assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/"));
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
            assert!(status.contains("\nNoNewPrivs:\t1\n") && status.contains("\nSeccomp:\t2\n"), "{status}");
        }
    });
}

/// Only looks at what it is given.
struct Other;

impl Segmenter for Other {
    fn name(&self) -> &str {
        "other"
    }

    fn segment(&self, _: &View, _: &Prompt) -> Result<Vec<Segment>, PerceptionError> {
        Ok(Vec::new())
    }
}

#[test]
fn what_cannot_be_started_is_said() {
    let _alone = alone();
    run(async {
        let check = |context, program: &str, expected: &str| {
            let options = ProcessOptions { program: program.into(), ..options() };
            let error = KernelHandle::spawn_in(context, Isolation::Process(options)).err().unwrap();
            assert_eq!(error.to_string(), expected);
        };
        check(table(), "/no/such/program", "No such file or directory (os error 2): /no/such/program");
        let mut context = table();
        context.perception.segmenter = Arc::new(Other);
        let expected = "segmenter \"other\" cannot run in the kernel's process; set kernel.isolation to thread";
        check(context, "/no/such/program", expected);
        // Programs that are something else.
        for (program, expected) in [
            ("/bin/true", "the kernel's process ended: it said nothing more, exit code 0"),
            ("/bin/pwd", "the kernel's process ended: "),
        ] {
            let options = ProcessOptions { program: program.into(), ..options() };
            let mut kernel = KernelHandle::spawn_in(table(), Isolation::Process(options)).unwrap();
            let report = kernel.run_cell(cell("1")).await;
            assert!(error(&report).message.starts_with(expected), "{report:?}");
        }
        // Too little to start with.
        let small = ProcessOptions { address_space_bytes: Some(512 << 20), ..options() };
        let mut kernel = KernelHandle::spawn_in(table(), Isolation::Process(small)).unwrap();
        let report = kernel.run_cell(cell("1")).await;
        assert!(matches!(report.status, CellStatus::Failed(_) | CellStatus::LimitReached(_)), "{report:?}");
    });
}

/// Set in the process that [`no_child_outlives_its_parent`] kills.
const PARENT: &str = "SPATIALCLAW_TEST_PARENT";

#[test]
fn no_child_outlives_its_parent() {
    if env::var_os(PARENT).is_some() {
        run(async {
            let mut context = table();
            context.limits.max_operations = u64::MAX;
            let mut kernel = in_process(context);
            value(&mut kernel, "1").await;
            let mut out = std::io::stdout();
            writeln!(out, "\nchild {}", child()).unwrap();
            out.flush().unwrap();
            let _ = kernel.run_cell(cell("loop { }")).await;
        });
        return;
    }
    let _alone = alone();
    let mut parent = Command::new(env::current_exe().unwrap())
        .args(["--exact", "no_child_outlives_its_parent", "--nocapture"])
        .env(PARENT, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let pid: i32 =
        lines.map_while(Result::ok).find_map(|line| line.strip_prefix("child ")?.parse().ok()).expect("a child");
    run(async {
        until("the cell runs", || is_running(pid)).await;
        parent.kill().unwrap();
        parent.wait().unwrap();
        until("the child is gone", || {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
            stat.map_or(true, |stat| stat.contains(") Z "))
        })
        .await;
    });
}
