//! `Points`: measured points of one view.

use std::{ops::Range, sync::Arc};

use nalgebra::{Isometry3, Point3};
use rhai::{Array, Dynamic, Engine};

use super::ValueSpec;
use crate::{
    geometry::{PointCloud, distance},
    scene::{FrameId, Stamp},
    tools::{
        RhaiResult, ToolError,
        arguments::{index, list_of_point, point},
    },
};

/// A cloud with its frame and time.
#[derive(Clone, Debug)]
pub struct PointsValue {
    /// The points.
    pub cloud: PointCloud,
    /// Frame of the points.
    pub frame: FrameId,
    /// Stamp of the image.
    pub stamp: Stamp,
    /// Camera name.
    pub camera: Arc<str>,
    /// Index of the view in the snapshot.
    pub view_idx: usize,
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "Points",
    doc: "Measured points of one image, metres, in `.frame`.",
    members: &[
        (".len()", "how many"),
        ("[i]", "[x, y, z]; negative counts from the end"),
        ("[a..b]", "some of them"),
        (".x .y .z", "lists of coordinates"),
        (".frame .stamp .camera", "where, when and by whom they were seen"),
        (".mean() .median()", "[x, y, z]"),
        (".nearest(p)", "#{point, distance, index} of the point nearest to [x, y, z]"),
        (".min_distance(q)", "smallest distance to other Points or an Object, metres, without sigma"),
    ],
};

impl PointsValue {
    /// In another frame, at the same stamp.
    pub fn transformed(&self, target_from_source: &Isometry3<f64>, target: &FrameId) -> PointsValue {
        PointsValue { cloud: self.cloud.transformed(target_from_source), frame: target.clone(), ..self.clone() }
    }

    /// In a few words.
    pub fn text(&self) -> String {
        if self.cloud.is_empty() {
            return format!("Points n=0, frame {}", self.frame);
        }
        let range = |axis: usize| {
            let (low, high) = self
                .cloud
                .points_m
                .iter()
                .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), p| (low.min(p[axis]), high.max(p[axis])));
            format!("{low:.3}..{high:.3}")
        };
        let n = self.cloud.len();
        format!(
            "Points n={n}, x {} y {} z {} m, frame {}, stamp {}",
            range(0),
            range(1),
            range(2),
            self.frame,
            self.stamp
        )
    }

    fn at(&self, i: i64) -> RhaiResult<Array> {
        let at = index(i, self.cloud.len(), "the index of Points")?;
        Ok(self.point(at).map(|p| list_of_point(&p)).unwrap_or_default())
    }

    fn point(&self, at: usize) -> Option<Point3<f64>> {
        self.cloud.points_m.get(at).map(|p| Point3::new(f64::from(p[0]), f64::from(p[1]), f64::from(p[2])))
    }

    fn between(&self, range: Range<i64>) -> PointsValue {
        let len = self.cloud.len() as i64;
        let bound = |i: i64| (if i < 0 { i.saturating_add(len) } else { i }).clamp(0, len) as usize;
        let keep: Vec<usize> = (bound(range.start)..bound(range.end)).collect();
        PointsValue { cloud: self.cloud.select(&keep), ..self.clone() }
    }

    fn axis(&self, axis: usize) -> Array {
        self.cloud.points_m.iter().map(|p| Dynamic::from_float(f64::from(p[axis]))).collect()
    }

    fn not_empty(&self) -> Result<(), ToolError> {
        if self.cloud.is_empty() {
            return Err(ToolError::not_measurable("there are 0 points; look for pixels with depth first"));
        }
        Ok(())
    }

    /// Mean position.
    ///
    /// # Errors
    /// When there is no point.
    pub fn mean(&self) -> Result<Point3<f64>, ToolError> {
        self.not_empty()?;
        let sum = self.cloud.points_m.iter().fold([0.0; 3], |sum: [f64; 3], p| {
            [sum[0] + f64::from(p[0]), sum[1] + f64::from(p[1]), sum[2] + f64::from(p[2])]
        });
        Ok(Point3::from(sum.map(|s| s / self.cloud.len() as f64)))
    }

    /// Median of each coordinate.
    ///
    /// # Errors
    /// When there is no point.
    pub fn median(&self) -> Result<Point3<f64>, ToolError> {
        self.not_empty()?;
        Ok(Point3::from([0, 1, 2].map(|axis| {
            let mut values: Vec<f64> = self.cloud.points_m.iter().map(|p| f64::from(p[axis])).collect();
            crate::tools::median(&mut values)
        })))
    }

    fn nearest(&self, target: &Dynamic) -> RhaiResult<rhai::Map> {
        let target = point(target, "the point")?;
        let nearest = (0..self.cloud.len())
            .filter_map(|i| Some((i, self.point(i)?)))
            .map(|(i, p)| (i, p, (p - target).norm()))
            .min_by(|a, b| a.2.total_cmp(&b.2));
        let Some((i, p, distance_m)) = nearest else {
            self.not_empty()?;
            return Err(ToolError::not_measurable("no point has finite coordinates").into());
        };
        Ok([
            ("point".into(), list_of_point(&p).into()),
            ("distance".into(), Dynamic::from_float(distance_m)),
            ("index".into(), Dynamic::from_int(i as i64)),
        ]
        .into())
    }

    fn min_distance(&self, other: &Dynamic) -> RhaiResult<f64> {
        let other = crate::tools::arguments::object(other, "the other argument of min_distance")?;
        if other.points.frame != self.frame {
            let message =
                format!("the points are in frames {} and {}; use tools.TF.transform", self.frame, other.points.frame);
            return Err(ToolError::argument(message).into());
        }
        let found = distance::surface_distance(&self.cloud, &other.points.cloud).map_err(ToolError::from)?;
        Ok(found.distance.value())
    }
}

/// Makes the type known to `engine`.
pub fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<PointsValue>("Points")
        .register_fn("len", |p: &mut PointsValue| p.cloud.len() as i64)
        .register_get("len", |p: &mut PointsValue| p.cloud.len() as i64)
        .register_indexer_get(|p: &mut PointsValue, i: i64| p.at(i))
        .register_indexer_get(|p: &mut PointsValue, range: Range<i64>| p.between(range))
        .register_get("x", |p: &mut PointsValue| p.axis(0))
        .register_get("y", |p: &mut PointsValue| p.axis(1))
        .register_get("z", |p: &mut PointsValue| p.axis(2))
        .register_get("frame", |p: &mut PointsValue| p.frame.to_string())
        .register_get("stamp", |p: &mut PointsValue| p.stamp.as_secs_f64())
        .register_get("camera", |p: &mut PointsValue| p.camera.to_string())
        .register_fn("mean", |p: &mut PointsValue| -> RhaiResult<Array> { Ok(list_of_point(&p.mean()?)) })
        .register_fn("median", |p: &mut PointsValue| -> RhaiResult<Array> { Ok(list_of_point(&p.median()?)) })
        .register_fn("nearest", |p: &mut PointsValue, target: Dynamic| p.nearest(&target))
        .register_fn("min_distance", |p: &mut PointsValue, other: Dynamic| p.min_distance(&other))
        .register_fn("to_string", |p: &mut PointsValue| p.text())
        .register_fn("to_debug", |p: &mut PointsValue| p.text());
}
