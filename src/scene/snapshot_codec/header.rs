//! A snapshot without its pixels and transforms.

use std::sync::Arc;

use nalgebra::Isometry3;
use serde::{Deserialize, Serialize};

use super::{
    CodecError, Kind, block,
    transforms::{isometry_from, numbers_of},
};
use crate::{
    error_code::ErrorCode,
    geometry::{DepthNoise, Intrinsics, PoseSigma},
    scene::{FrameId, InputProblem, PosedCamera, Snapshot, Stamp, View},
};

pub(super) struct Header {
    pub taken_at: Stamp,
    pub fixed_frame: FrameId,
    pub robot_frame: FrameId,
    pub tf_sigma: PoseSigma,
    pub views: Vec<ViewHeader>,
}

/// A [`View`] without its pixels. A problem stands for what is missing.
pub(super) struct ViewHeader {
    pub camera: Arc<str>,
    pub view_idx: usize,
    pub stamp: Stamp,
    pub optical_frame: FrameId,
    pub intrinsics: Intrinsics,
    pub depth_noise: DepthNoise,
    pub depth_range_m: (f64, f64),
    pub no_depth: Option<InputProblem>,
    pub no_labels: Option<InputProblem>,
    pub posed: Result<PosedCamera, InputProblem>,
}

#[derive(Serialize, Deserialize)]
struct WireHeader {
    taken_at: Stamp,
    fixed_frame: FrameId,
    robot_frame: FrameId,
    tf_sigma: PoseSigma,
    views: Vec<WireView>,
}

#[derive(Serialize, Deserialize)]
struct WireView {
    camera: Arc<str>,
    view_idx: usize,
    stamp: Stamp,
    optical_frame: FrameId,
    intrinsics: Intrinsics,
    depth_noise: DepthNoise,
    depth_range_m: (f64, f64),
    no_depth: Option<WireProblem>,
    no_labels: Option<WireProblem>,
    posed: Result<([f64; 7], PoseSigma), WireProblem>,
}

/// The code is stored by its number, which never changes.
#[derive(Serialize, Deserialize)]
struct WireProblem {
    code: u16,
    message: String,
}

impl WireProblem {
    fn of(problem: &InputProblem) -> WireProblem {
        WireProblem { code: problem.code.as_u16(), message: problem.message.clone() }
    }

    fn read(self) -> Result<InputProblem, CodecError> {
        let WireProblem { code, message } = self;
        match ErrorCode::ALL.iter().find(|known| known.as_u16() == code) {
            Some(code) => Ok(InputProblem { code: *code, message }),
            None => Err(CodecError::damaged(Kind::Header, format!("there is no error code {code}"))),
        }
    }
}

pub(super) fn encode(snapshot: &Snapshot) -> Vec<u8> {
    let header = WireHeader {
        taken_at: snapshot.taken_at,
        fixed_frame: snapshot.fixed_frame.clone(),
        robot_frame: snapshot.robot_frame.clone(),
        tf_sigma: snapshot.tf_sigma,
        views: snapshot.views.iter().map(wire_view).collect(),
    };
    block::encode(Kind::Header, &header)
}

fn wire_view(view: &View) -> WireView {
    let pose = |posed: &PosedCamera| (numbers_of(&posed.fixed_from_camera), posed.sigma);
    WireView {
        camera: view.camera.clone(),
        view_idx: view.view_idx,
        stamp: view.stamp,
        optical_frame: view.optical_frame.clone(),
        intrinsics: view.intrinsics,
        depth_noise: view.depth_noise,
        depth_range_m: view.depth_range_m,
        no_depth: view.depth.as_ref().err().map(WireProblem::of),
        no_labels: view.labels.as_ref().err().map(WireProblem::of),
        posed: view.posed.as_ref().map(pose).map_err(WireProblem::of),
    }
}

pub(super) fn decode(bytes: &[u8]) -> Result<Header, CodecError> {
    let WireHeader { taken_at, fixed_frame, robot_frame, tf_sigma, views } = block::decode(Kind::Header, bytes)?;
    let views = views.into_iter().map(read_view).collect::<Result<_, _>>()?;
    Ok(Header { taken_at, fixed_frame, robot_frame, tf_sigma, views })
}

fn read_view(view: WireView) -> Result<ViewHeader, CodecError> {
    let intrinsics = view.intrinsics.checked().map_err(|error| CodecError::damaged(Kind::Header, error.to_string()))?;
    let placed = |numbers: &[f64; 7]| -> Result<Isometry3<f64>, CodecError> {
        isometry_from(numbers).map_err(|reason| CodecError::damaged(Kind::Header, reason))
    };
    let posed = match view.posed {
        Ok((numbers, sigma)) => Ok(PosedCamera { fixed_from_camera: placed(&numbers)?, sigma }),
        Err(problem) => Err(problem.read()?),
    };
    Ok(ViewHeader {
        camera: view.camera,
        view_idx: view.view_idx,
        stamp: view.stamp,
        optical_frame: view.optical_frame,
        intrinsics,
        depth_noise: view.depth_noise,
        depth_range_m: view.depth_range_m,
        no_depth: view.no_depth.map(WireProblem::read).transpose()?,
        no_labels: view.no_labels.map(WireProblem::read).transpose()?,
        posed,
    })
}
