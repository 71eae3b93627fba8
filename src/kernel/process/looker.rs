//! Looking through a vision-language model from a child: the calls are made by the parent, which has the network and the keys.

use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use serde_bytes::ByteBuf;

use super::{
    child::say,
    wire::{self, LookCall, LookTask, Said, Seen, WirePicture},
};
use crate::{
    llm::{
        Picture,
        grounding::Located,
        vision::{Looker, VisionError},
    },
    scene::{Snapshot, snapshot_codec},
};

/// How often a blocked thread looks whether it must stop.
const POLL: Duration = Duration::from_millis(5);

/// Asks the parent, one call at a time.
pub struct ParentLooker {
    snapshot: Arc<Snapshot>,
    seen: Mutex<mpsc::Receiver<(u64, Seen)>>,
    n_calls: AtomicU64,
}

impl ParentLooker {
    /// What the parent has seen comes in through `seen`.
    pub fn new(snapshot: Arc<Snapshot>, seen: mpsc::Receiver<(u64, Seen)>) -> ParentLooker {
        ParentLooker { snapshot, seen: Mutex::new(seen), n_calls: AtomicU64::new(0) }
    }

    /// `None` when there is nothing to wait for any more.
    fn ask(
        &self,
        task: LookTask,
        pictures: Vec<Picture>,
        questions: Vec<String>,
        must_stop: &dyn Fn() -> bool,
    ) -> Option<Seen> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let id = self.n_calls.fetch_add(1, Ordering::Relaxed);
        let pictures = pictures.into_iter().map(|picture| self.wire(picture)).collect();
        say(&Said::Look(LookCall { id, task, pictures, questions })).ok()?;
        loop {
            match seen.recv_timeout(POLL) {
                Ok((answered, seen)) if answered == id => return Some(seen),
                // Of a call that was given up.
                Ok(_) => {}
                Err(mpsc::RecvTimeoutError::Timeout) if !must_stop() => {}
                Err(_) => {
                    let _ = say(&Said::StopLooking);
                    return None;
                }
            }
        }
    }

    /// The parent has the views' pictures already.
    fn wire(&self, Picture { label, image }: Picture) -> WirePicture {
        let view_idx = self.snapshot.views.iter().position(|view| Arc::ptr_eq(&view.image, &image));
        match view_idx {
            Some(view_idx) => WirePicture::View { label, view_idx },
            None => WirePicture::Block { label, block: ByteBuf::from(snapshot_codec::encode_image(&image)) },
        }
    }
}

impl Looker for ParentLooker {
    fn locate(
        &self,
        pictures: Vec<Picture>,
        questions: Vec<String>,
        must_stop: &dyn Fn() -> bool,
    ) -> Vec<Result<Located, VisionError>> {
        let n_questions = questions.len();
        match self.ask(LookTask::Locate, pictures, questions, must_stop) {
            Some(Seen::Located(located)) => located,
            _ => interrupted(n_questions),
        }
    }

    fn look(
        &self,
        pictures: Vec<Picture>,
        questions: Vec<String>,
        must_stop: &dyn Fn() -> bool,
    ) -> Vec<Result<String, VisionError>> {
        let n_questions = questions.len();
        match self.ask(LookTask::Look, pictures, questions, must_stop) {
            Some(Seen::Described(described)) => described,
            _ => interrupted(n_questions),
        }
    }
}

fn interrupted<T>(n_questions: usize) -> Vec<Result<T, VisionError>> {
    (0..n_questions).map(|_| Err(VisionError::Interrupted)).collect()
}

/// The pictures of a call, in the parent.
///
/// # Errors
/// `InvalidData` for a view that is not there or a block that is no picture.
pub fn pictures(wire_pictures: Vec<WirePicture>, snapshot: &Snapshot) -> io::Result<Vec<Picture>> {
    let picture = |picture| match picture {
        WirePicture::View { label, view_idx } => {
            let view = snapshot.views.get(view_idx);
            let missing = || wire::invalid(format!("there is no view {view_idx} of {}", snapshot.views.len()));
            Ok(Picture { label, image: view.ok_or_else(missing)?.image.clone() })
        }
        WirePicture::Block { label, block } => {
            Ok(Picture { label, image: Arc::new(snapshot_codec::decode_image(&block).map_err(wire::invalid)?) })
        }
    };
    wire_pictures.into_iter().map(picture).collect()
}
