//! `Object`: the visible surface of one thing in one view.

use std::sync::{Arc, OnceLock};

use nalgebra::{Isometry3, Matrix3, Matrix6, Translation3, UnitQuaternion, Vector3};
use rhai::{Dynamic, Map};

use super::{PointsValue, ValueSpec};
use crate::{
    answer::Evidence,
    array::Arr,
    error_code::ErrorCode,
    geometry::{
        GeometryError, PixelBox, PoseSigma, Prepared, Quantity, UprightBox,
        motion::Sight,
        occlusion::{HiddenEnd, OutlinePoint, hidden_ends},
        surroundings::Surroundings,
    },
    memory,
    scene::{FrameId, LabelImage},
    tools::{Library, RhaiResult, ToolError, arguments::list_of_point},
};

/// One thing, measured in one view. Its surface is prepared when it is first asked for, and kept.
#[derive(Clone, Debug)]
pub struct ObjectValue(Arc<Inner>);

/// What is known of an object.
#[derive(Debug)]
pub struct Inner {
    /// The object's name; empty for bare points.
    pub label: String,
    /// Instance id in the segmentation, if it has one.
    pub instance: Option<u32>,
    /// Visible surface.
    pub points: PointsValue,
    /// Segmentation confidence.
    pub score: f32,
    /// Bounding box in the image.
    pub roi: Option<PixelBox>,
    prepared: OnceLock<Result<Prepared, GeometryError>>,
    outline: Outline,
}

/// Where a thing's outline is covered, and the names of what may cover it.
#[derive(Clone, Debug, Default)]
pub struct Outline {
    /// In the frame of the thing's points.
    pub points: Arc<[OutlinePoint]>,
    /// Names of pixels, where the camera has labels.
    pub labels: Option<Arc<LabelImage>>,
    /// What the image measured around the thing.
    pub around: Option<Surroundings>,
}

impl Outline {
    fn transformed(&self, target_from_source: &Isometry3<f64>) -> Outline {
        let moved = |point: &OutlinePoint| OutlinePoint { p: target_from_source * point.p, ..*point };
        Outline {
            points: self.points.iter().map(moved).collect(),
            labels: self.labels.clone(),
            around: self.around.as_ref().map(|around| around.transformed(target_from_source)),
        }
    }

    fn name_of(&self, pixel: Option<(u32, u32)>) -> String {
        let Some((u, v)) = pixel else { return "the border of the image".to_owned() };
        let name = self.labels.as_ref().and_then(|labels| {
            let id = labels.ids.get(v as usize * labels.width_px as usize + u as usize)?;
            labels.names.by_id.get(id).map(|(name, _)| format!("{name}#{id}"))
        });
        name.unwrap_or_else(|| "a nearer surface".to_owned())
    }
}

/// A hidden part may add this much to a side's sigma; more makes it a lower bound only, which is no measurement.
const MAX_HIDDEN_SHARE: f64 = 0.05;
const MAX_HIDDEN_M: f64 = 0.005;

impl std::ops::Deref for ObjectValue {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "Object",
    doc: "The visible surface of one thing, seen in one image and placed in the fixed frame.",
    members: &[
        (".label .id .score", "name, such as \"mug\"; name with instance and camera; confidence"),
        (".camera .stamp .frame", "who saw it, when, and the frame of its coordinates"),
        (".n_pixels", "pixels with depth"),
        (".points", "its Points"),
        (".center", "Arr [x, y, z] of its box, metres"),
        (".size", "Arr [length, width, height] of its box, metres"),
        (".box", "#{center, size, yaw, bottom, top}"),
    ],
};

impl ObjectValue {
    /// A named thing.
    pub fn new(
        label: &str,
        instance: Option<u32>,
        points: PointsValue,
        score: f32,
        roi: Option<PixelBox>,
    ) -> ObjectValue {
        ObjectValue::with_outline(Inner {
            label: label.to_owned(),
            instance,
            points,
            score,
            roi,
            prepared: OnceLock::new(),
            outline: Outline::default(),
        })
    }

    fn with_outline(inner: Inner) -> ObjectValue {
        ObjectValue(Arc::new(inner))
    }

    /// The same with its outline, which tells whether it is seen whole.
    pub fn outlined(self, outline: Outline) -> ObjectValue {
        let Inner { label, instance, points, score, roi, .. } = &*self.0;
        ObjectValue::with_outline(Inner {
            label: label.clone(),
            instance: *instance,
            points: points.clone(),
            score: *score,
            roi: *roi,
            prepared: OnceLock::new(),
            outline,
        })
    }

    /// As it is compared with another sighting of it.
    pub fn sight(&self) -> Sight<'_> {
        Sight { cloud: &self.points.cloud, around: self.outline.around.as_ref() }
    }

    /// A side along a unit direction, as far as it is known: sigma is widened where a small part may be hidden.
    ///
    /// # Errors
    /// `NOT_MEASURABLE` when more may be hidden, naming what covers it; `what` names the side.
    pub fn whole_side(&self, side: Quantity, axis: &Vector3<f64>, what: &str) -> Result<Quantity, ToolError> {
        if self.outline.points.is_empty() {
            return Ok(side);
        }
        let name = self.name();
        let span = self.prepared()?.span_along(axis, false).map_err(|error| named(error, &name))?;
        let hidden: Vec<HiddenEnd> = hidden_ends(&self.outline.points, axis, &span).into_iter().flatten().collect();
        // Anything up to the whole reach is as likely.
        let added_m = hidden.iter().map(|end| end.reach_m).sum::<f64>() / 3.0f64.sqrt();
        if added_m <= (MAX_HIDDEN_SHARE * side.value()).max(MAX_HIDDEN_M) {
            let sigma_m = side.sigma().hypot(added_m);
            return Ok(Quantity::new(side.value(), sigma_m, side.unit()).unwrap_or(side));
        }
        let covers: Vec<String> = hidden.iter().map(|end| self.outline.name_of(end.pixel)).collect();
        let by = if covers.windows(2).any(|pair| pair[0] != pair[1]) {
            covers.join(" and ")
        } else {
            covers.first().cloned().unwrap_or_default()
        };
        let reach_m: f64 = hidden.iter().map(|end| end.reach_m).sum();
        let at_most = if reach_m.is_finite() {
            format!("at most {:.3} m", side.value() + reach_m)
        } else {
            "with no upper bound".to_owned()
        };
        Err(ToolError::not_measurable(format!(
            "{name} is partly covered by {by}: {what} is at least {:.3} m, {at_most}; move the camera or what covers it",
            side.value()
        )))
    }

    /// Bare points.
    pub fn unnamed(points: PointsValue) -> ObjectValue {
        ObjectValue::new("", None, points, 1.0, None)
    }

    /// `mug#5`, or `points` for bare points.
    pub fn name(&self) -> String {
        match (self.label.as_str(), self.instance) {
            ("", _) => "points".to_owned(),
            (label, Some(instance)) => format!("{label}#{instance}"),
            (label, None) => label.to_owned(),
        }
    }

    /// `mug#5@front`.
    pub fn id(&self) -> String {
        format!("{}@{}", self.name(), self.points.camera)
    }

    /// Whether both are the same instance in the same view.
    pub fn is_same_as(&self, other: &ObjectValue) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.points.view_idx == other.points.view_idx
                && self.instance.is_some()
                && self.instance == other.instance
                && self.label == other.label)
    }

    /// The smallest upright box around its points.
    ///
    /// # Errors
    /// `TOO_FEW_PIXELS`, naming the object.
    pub fn upright_box(&self) -> Result<&UprightBox, ToolError> {
        Ok(self.prepared()?.upright_box())
    }

    /// Its surface made ready to measure on, once.
    ///
    /// # Errors
    /// `TOO_FEW_PIXELS`, naming the object.
    pub fn prepared(&self) -> Result<&Prepared, ToolError> {
        let n_bytes = self.points.cloud.len().saturating_mul(Prepared::BYTES_PER_POINT);
        if self.prepared.get().is_none() && !memory::has_room(n_bytes) {
            let (name, n_points, mib) = (self.name(), self.points.cloud.len(), n_bytes.div_ceil(1 << 20));
            let message = format!(
                "to measure {name} with its {n_points} points takes {mib} MiB more than may be held; set what is large and no longer \
                 needed to (), or measure a part of it"
            );
            return Err(ToolError::new(ErrorCode::BudgetExceeded, message));
        }
        let prepared = self.prepared.get_or_init(|| {
            let prepared = Prepared::of(&self.points.cloud, "the object")?;
            Ok(match &self.outline.around {
                Some(around) => prepared.seen_in(around, |pixel| self.outline.name_of(pixel)),
                None => prepared,
            })
        });
        prepared.as_ref().map_err(|error| named(error.clone(), &self.name()))
    }

    /// In another frame, at its own stamp, with the error that the transform adds.
    pub fn transformed(&self, target_from_source: &Isometry3<f64>, target: &FrameId, tf: &PoseSigma) -> ObjectValue {
        let mut points = self.points.transformed(target_from_source, target);
        let own = &mut points.cloud.pose_sigma;
        own.position_m = own.position_m.hypot(tf.position_m);
        own.rotation_rad = own.rotation_rad.hypot(tf.rotation_rad);
        let moved = ObjectValue::new(&self.label, self.instance, points, self.score, self.roi);
        moved.outlined(self.outline.transformed(target_from_source))
    }

    /// Position of the box, turned about +z, in the object's frame.
    ///
    /// # Errors
    /// See [`ObjectValue::upright_box`].
    pub fn frame_from_object(&self) -> Result<Isometry3<f64>, ToolError> {
        let fitted = self.upright_box()?;
        let turn = UnitQuaternion::from_axis_angle(&Vector3::z_axis(), fitted.yaw_rad);
        Ok(Isometry3::from_parts(Translation3::from(fitted.center_m.coords), turn))
    }

    /// Covariance of the box's centre and orientation: the placement error of the visible points, plus half the error of each
    /// side. Roll and pitch are zero by construction, so only the frame's own error remains there.
    ///
    /// # Errors
    /// See [`ObjectValue::upright_box`].
    pub fn covariance(&self) -> Result<Matrix6<f64>, ToolError> {
        let fitted = self.upright_box()?;
        let horizontal_m = fitted.length.sigma().max(fitted.width.sigma()) / 2.0;
        let vertical_m = fitted.height.sigma() / 2.0;
        let sides =
            Matrix3::from_diagonal(&Vector3::new(horizontal_m.powi(2), horizontal_m.powi(2), vertical_m.powi(2)));
        let tilt_rad2 = self.points.cloud.pose_sigma.rotation_rad.powi(2);
        let yaw_rad = fitted.width.sigma().max(fitted.length.sigma()).atan2(fitted.length.value().max(1e-6));
        let mut covariance = Matrix6::zeros();
        covariance.fixed_view_mut::<3, 3>(0, 0).copy_from(&(fitted.covariance_m2 + sides));
        covariance[(3, 3)] = tilt_rad2;
        covariance[(4, 4)] = tilt_rad2;
        covariance[(5, 5)] = tilt_rad2 + yaw_rad.powi(2);
        Ok(covariance)
    }

    /// What an answer rests on when it uses this object as `role`.
    ///
    /// # Errors
    /// See [`ObjectValue::upright_box`].
    pub fn evidence(&self, role: &str) -> Result<Evidence, ToolError> {
        let fitted = self.upright_box()?;
        Ok(Evidence {
            id: self.id(),
            label: if self.label.is_empty() { "points".to_owned() } else { self.label.clone() },
            role: role.to_owned(),
            camera: self.points.camera.to_string(),
            view_idx: self.points.view_idx,
            instance: self.instance,
            method: "upright box of the visible surface".to_owned(),
            frame: self.points.frame.clone(),
            stamp: self.points.stamp,
            frame_from_object: self.frame_from_object()?,
            covariance: self.covariance()?,
            size_m: Vector3::new(fitted.length.value(), fitted.width.value(), fitted.height.value()),
            points_m: Vec::new(),
            quantity: None,
            n_pixels: self.points.cloud.len(),
            score: self.score,
            roi: self.roi,
        })
    }

    /// In a few words.
    pub fn text(&self) -> String {
        let PointsValue { frame, stamp, camera, cloud, .. } = &self.points;
        let place = match self.upright_box() {
            Ok(fitted) => format!(
                "center [{:.3}, {:.3}, {:.3}] size [{:.3}, {:.3}, {:.3}] m",
                fitted.center_m.x,
                fitted.center_m.y,
                fitted.center_m.z,
                fitted.length.value(),
                fitted.width.value(),
                fitted.height.value()
            ),
            Err(error) => error.message,
        };
        format!("Object {} {place}, frame {frame}, camera {camera}, stamp {stamp}, {} pixels", self.name(), cloud.len())
    }

    fn size(&self) -> RhaiResult<Arr> {
        let fitted = self.upright_box()?;
        Ok(Arr::of_vec([fitted.length, fitted.width, fitted.height].map(|side| side.value()).to_vec()))
    }

    fn box_map(&self) -> RhaiResult<Map> {
        let fitted = self.upright_box()?;
        Ok([
            ("center".into(), Dynamic::from(list_of_point(&fitted.center_m))),
            ("size".into(), Dynamic::from(self.size()?)),
            ("yaw".into(), Dynamic::from_float(fitted.yaw_rad)),
            ("bottom".into(), Dynamic::from_float(fitted.bottom_m.value())),
            ("top".into(), Dynamic::from_float(fitted.top_m.value())),
        ]
        .into())
    }
}

/// The error with the object's name in it.
pub fn named(error: GeometryError, name: &str) -> ToolError {
    match error {
        GeometryError::TooFewPoints { found, expected, .. } => {
            GeometryError::TooFewPoints { what: name.to_owned(), found, expected }.into()
        }
        other => other.into(),
    }
}

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<ObjectValue>("Object")
        .register_get("label", |o: &mut ObjectValue| o.label.clone())
        .register_get("id", |o: &mut ObjectValue| o.id())
        .register_get("score", |o: &mut ObjectValue| f64::from(o.score))
        .register_get("camera", |o: &mut ObjectValue| o.points.camera.to_string())
        .register_get("stamp", |o: &mut ObjectValue| o.points.stamp.as_secs_f64())
        .register_get("frame", |o: &mut ObjectValue| o.points.frame.to_string())
        .register_get("n_pixels", |o: &mut ObjectValue| o.points.cloud.len() as i64)
        .register_get("points", |o: &mut ObjectValue| o.points.clone())
        .register_get("center", |o: &mut ObjectValue| -> RhaiResult<Arr> {
            Ok(list_of_point(&o.upright_box()?.center_m))
        })
        .register_get("size", |o: &mut ObjectValue| o.size())
        .register_get("box", |o: &mut ObjectValue| o.box_map())
        .register_fn("to_string", |o: &mut ObjectValue| o.text())
        .register_fn("to_debug", |o: &mut ObjectValue| o.text());
}
