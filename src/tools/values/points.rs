//! `Points`: measured points of one view.

use std::sync::Arc;

use nalgebra::{Isometry3, Point3};
use rhai::{Array, Dynamic, NativeCallContext};

use super::ValueSpec;
use crate::{
    array::{Arr, Index},
    geometry::{PointCloud, distance},
    scene::{FrameId, Stamp},
    tools::{
        Library, RhaiResult, ToolError,
        arguments::{index, list_of_point, point},
        arrays::{SessionWork, convert},
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
    doc: "Measured points of one image, metres, in `.frame`. Taken wherever a Kx3 Arr is; arithmetic (`p - c`, `p * 2`) gives an Arr.",
    members: &[
        (".len() .shape", "how many; [K, 3]"),
        ("[i]", "Arr [x, y, z]; negative counts from the end"),
        ("[a..b] [mask] [[i, j]] .slice(a, b)", "Points: some of them, such as p[p.z > 0.5]"),
        (".x .y .z .arr", "Arr of coordinates; Kx3 Arr"),
        (".frame .stamp .camera", "where, when and by whom they were seen"),
        (".mean() .median() .min() .max()", "Arr [x, y, z], of each coordinate"),
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

    fn picked(&self, at: &Dynamic) -> RhaiResult<Dynamic> {
        match convert::index(at)? {
            Index::At(i) => {
                let at = index(i, self.cloud.len(), "the index of Points")?;
                Ok(self.point(at).map_or(Dynamic::UNIT, |p| Dynamic::from(list_of_point(&p))))
            }
            Index::Where(mask) if mask.shape() == [self.cloud.len()] => {
                Ok(Dynamic::from(PointsValue { cloud: self.cloud.select_where(mask.as_slice()), ..self.clone() }))
            }
            index => self.some(&[index]).map(Dynamic::from),
        }
    }

    /// Points at an index of one axis.
    fn some(&self, index: &[Index]) -> RhaiResult<PointsValue> {
        let rows = Arr::of_counts(0..self.cloud.len()).part(index, &SessionWork::none())?;
        if rows.rank() != 1 {
            return Err(ToolError::argument("Points have one axis; .arr has two").into());
        }
        let keep: Vec<usize> = rows.as_slice().iter().map(|row| *row as usize).collect();
        Ok(PointsValue { cloud: self.cloud.select(&keep), ..self.clone() })
    }

    fn point(&self, at: usize) -> Option<Point3<f64>> {
        self.cloud.points_m.get(at).map(|p| Point3::new(f64::from(p[0]), f64::from(p[1]), f64::from(p[2])))
    }

    fn axis(&self, axis: usize) -> Arr {
        Arr::of_vec(self.cloud.points_m.iter().map(|p| f64::from(p[axis])).collect())
    }

    /// The extreme of each coordinate.
    fn extreme(&self, better: fn(f32, f32) -> f32) -> RhaiResult<Arr> {
        self.not_empty()?;
        let best =
            self.cloud.points_m.iter().copied().reduce(|a, b| std::array::from_fn(|axis| better(a[axis], b[axis])));
        Ok(Arr::of_vec(best.unwrap_or_default().map(f64::from).to_vec()))
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
            ("point".into(), Dynamic::from(list_of_point(&p))),
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

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<PointsValue>("Points")
        .register_fn("len", |p: &mut PointsValue| p.cloud.len() as i64)
        .register_get("len", |p: &mut PointsValue| p.cloud.len() as i64)
        .register_get("shape", |p: &mut PointsValue| -> Array { vec![(p.cloud.len() as i64).into(), 3.into()] })
        .register_indexer_get(|p: &mut PointsValue, at: Dynamic| p.picked(&at))
        .register_fn("slice", |p: &mut PointsValue, start: Dynamic, stop: Dynamic| {
            p.some(&[convert::nd_index(&Dynamic::from_array(vec![start, stop, Dynamic::UNIT]))?])
        })
        .register_fn("slice", |p: &mut PointsValue, start: Dynamic, stop: Dynamic, step: Dynamic| {
            p.some(&[convert::nd_index(&Dynamic::from_array(vec![start, stop, step]))?])
        })
        .register_fn("nd", |c: NativeCallContext, p: &mut PointsValue, at: Array| -> RhaiResult<Dynamic> {
            let index: Result<Vec<Index>, ToolError> = at.iter().map(convert::nd_index).collect();
            Ok(convert::value(convert::of_points(p)?.part(&index?, &SessionWork::of(&c))?))
        })
        .register_get("x", |p: &mut PointsValue| p.axis(0))
        .register_get("y", |p: &mut PointsValue| p.axis(1))
        .register_get("z", |p: &mut PointsValue| p.axis(2))
        .register_get("arr", |p: &mut PointsValue| -> RhaiResult<Arr> { Ok(convert::of_points(p)?) })
        .register_fn("min", |p: &mut PointsValue| p.extreme(f32::min))
        .register_fn("max", |p: &mut PointsValue| p.extreme(f32::max))
        .register_get("frame", |p: &mut PointsValue| p.frame.to_string())
        .register_get("stamp", |p: &mut PointsValue| p.stamp.as_secs_f64())
        .register_get("camera", |p: &mut PointsValue| p.camera.to_string())
        .register_fn("mean", |p: &mut PointsValue| -> RhaiResult<Arr> { Ok(list_of_point(&p.mean()?)) })
        .register_fn("median", |p: &mut PointsValue| -> RhaiResult<Arr> { Ok(list_of_point(&p.median()?)) })
        .register_fn("nearest", |p: &mut PointsValue, target: Dynamic| p.nearest(&target))
        .register_fn("min_distance", |p: &mut PointsValue, other: Dynamic| p.min_distance(&other))
        .register_fn("to_string", |p: &mut PointsValue| p.text())
        .register_fn("to_debug", |p: &mut PointsValue| p.text());
}
