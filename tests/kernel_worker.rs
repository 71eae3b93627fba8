//! The kernel on its own thread: what the agent drives, and what happens when it hangs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use crate::support::table_world;

use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use spatialclaw::{
    geometry::Mask,
    kernel::{Cell, CellReport, CellStatus, KernelContext, KernelHandle},
    perception::{PerceptionError, Prompt, Segment, Segmenter},
    scene::View,
};
use table_world::*;

fn cell(source: &str) -> Cell {
    Cell { id: 1, purpose: String::new(), source: source.to_owned() }
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap().block_on(test)
}

async fn value(kernel: &mut KernelHandle, source: &str) -> Option<String> {
    let CellReport { status, value, .. } = kernel.run_cell(cell(source)).await;
    assert_eq!(status, CellStatus::Completed, "{source}");
    value
}

fn table() -> KernelContext {
    context(snapshot_of(vec![front_view()]))
}

/// Waits in a native call, where no script limit reaches, until the test lets it go.
#[derive(Default)]
struct Stuck {
    is_released: Mutex<bool>,
    released: Condvar,
    is_waiting: AtomicBool,
}

impl Segmenter for Stuck {
    fn name(&self) -> &str {
        "stuck"
    }

    fn segment(&self, view: &View, _: &Prompt) -> Result<Vec<Segment>, PerceptionError> {
        self.is_waiting.store(true, Ordering::SeqCst);
        let mut is_released = self.is_released.lock().unwrap();
        while !*is_released {
            is_released = self.released.wait(is_released).unwrap();
        }
        let (width, height) = (view.intrinsics.width_px, view.intrinsics.height_px);
        let mask = Mask::new(width, height, vec![true; (width * height) as usize]).unwrap();
        Ok(vec![Segment { label: "all".to_owned(), instance: None, mask, score: 1.0 }])
    }
}

impl Stuck {
    fn release(&self) {
        *self.is_released.lock().unwrap() = true;
        self.released.notify_all();
    }
}

/// Panics, as a defect in a backend would.
struct Broken;

impl Segmenter for Broken {
    fn name(&self) -> &str {
        "broken"
    }

    fn segment(&self, _: &View, _: &Prompt) -> Result<Vec<Segment>, PerceptionError> {
        panic!("out of cheese")
    }
}

#[test]
fn cells_share_one_kernel() {
    run(async {
        let mut kernel = KernelHandle::spawn(table()).unwrap();
        assert_eq!(value(&mut kernel, "let x = 2; fn f(a) { a * 10 } x").await.as_deref(), Some("int 2"));
        assert_eq!(value(&mut kernel, "f(x)").await.as_deref(), Some("int 20"));
        assert_eq!(value(&mut kernel, "tools.Scene.find(\"mug\").label").await.as_deref(), Some("string \"mug\""));
        kernel.shutdown();
    });
}

#[test]
fn a_cancelled_goal_ends_its_cell() {
    run(async {
        let mut context = table();
        context.limits.max_operations = u64::MAX;
        let cancel = context.cancel.clone();
        let mut kernel = KernelHandle::spawn(context).unwrap();
        assert_eq!(value(&mut kernel, "let x = 1; x").await.as_deref(), Some("int 1"));
        let (report, ()) = tokio::join!(kernel.run_cell(cell("loop { }")), async { cancel.cancel() });
        assert_eq!(report.status, CellStatus::Cancelled);
    });
}

#[test]
fn a_hanging_kernel_is_replaced_and_the_loss_is_told() {
    run(async {
        let stuck = Arc::new(Stuck::default());
        let mut context = table();
        context.perception.segmenter = stuck.clone();
        context.limits.max_cell_time = Duration::from_millis(50);
        let mut kernel = KernelHandle::spawn(context).unwrap().with_grace(Duration::from_millis(50));
        assert_eq!(value(&mut kernel, "let a = 1; let b = 2; a + b").await.as_deref(), Some("int 3"));
        let report = kernel.run_cell(cell("tools.Scene.labels()")).await;
        assert_eq!(report.status, CellStatus::TimedOut);
        assert_eq!(report.stdout, "[the kernel was replaced; lost: a, b, and all functions]\n");
        assert!(stuck.is_waiting.load(Ordering::SeqCst));
        assert_eq!(value(&mut kernel, "let c = 3; c").await.as_deref(), Some("int 3"));
        assert!(matches!(kernel.run_cell(cell("a")).await.status, CellStatus::Rejected(_)));
        stuck.release();
        assert_eq!(value(&mut kernel, "tools.Scene.labels()[0]").await.as_deref(), Some("string \"all\""));
    });
}

#[test]
fn a_broken_tool_is_an_error_of_its_cell() {
    run(async {
        let mut context = table();
        context.perception.segmenter = Arc::new(Broken);
        let mut kernel = KernelHandle::spawn(context).unwrap();
        let report = kernel.run_cell(cell("let x = 1;\ntools.Scene.labels();")).await;
        let CellStatus::Failed(error) = report.status else { panic!("{:?}", report.status) };
        assert_eq!((error.line, error.column), (Some(2), Some(13)));
        assert_eq!(error.message, "tools.Scene.labels broke: out of cheese; try another way");
        assert_eq!(error.code, Some(spatialclaw::error_code::ErrorCode::InternalError));
        assert_eq!(value(&mut kernel, "x").await.as_deref(), Some("int 1"));
    });
}

#[test]
fn an_abandoned_cell_does_not_leave_a_dead_kernel() {
    run(async {
        let mut context = table();
        context.limits.max_operations = u64::MAX;
        let mut kernel = KernelHandle::spawn(context).unwrap();
        assert_eq!(value(&mut kernel, "let x = 1; x").await.as_deref(), Some("int 1"));
        let abandoned = tokio::time::timeout(Duration::from_millis(20), kernel.run_cell(cell("loop { }"))).await;
        assert!(abandoned.is_err());
        let report = kernel.run_cell(cell("x")).await;
        let CellStatus::Failed(error) = report.status else { panic!("{:?}", report.status) };
        assert!(error.message.starts_with("the last cell was abandoned; a new one was started"), "{}", error.message);
        assert_eq!(value(&mut kernel, "1 + 1").await.as_deref(), Some("int 2"));
    });
}
