#[path = "support/analytic_scene.rs"]
mod analytic_scene;
#[path = "support/table_world.rs"]
mod table_world;

use table_world::*;

#[test]
fn every_example_of_the_manual_runs() {
    on_kernel_thread(|| {
        for spec in spatialclaw::tools::all() {
            let mut bench = Bench::new();
            let report = bench.run(spec.example);
            println!(
                "== {}\n{:?} {:?}\n{}{:?}",
                spec.path,
                report.status,
                report.value,
                report.stdout,
                report.submission.map(|s| match s {
                    spatialclaw::kernel::Submission::Answer(a) => a.text,
                    spatialclaw::kernel::Submission::Refusal(r) => r.message,
                })
            );
        }
    });
}
