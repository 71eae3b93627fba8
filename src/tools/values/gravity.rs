//! `Gravity`: which way is up.

use nalgebra::{Point3, UnitVector3};
use rhai::{Array, Dynamic, Map, NativeCallContext};

use super::ValueSpec;
use crate::{
    array::Arr,
    scene::FrameId,
    tools::{Library, RhaiResult, Session, arguments::list_of_point, geometry::gravity::up_in},
};

/// Up, and who says so.
#[derive(Clone, Debug)]
pub struct GravityValue {
    /// In `frame`.
    pub up: UnitVector3<f64>,
    /// One standard deviation of its direction, radians.
    pub sigma_rad: f64,
    /// `tf`, `imu` or `ransac`.
    pub source: &'static str,
    /// In words.
    pub how: String,
    /// The fixed frame.
    pub frame: FrameId,
    /// Other sources: name, angle to them and its sigma in radians, whether they agree.
    pub checks: Vec<(String, f64, f64, bool)>,
    /// Why a source says nothing.
    pub missing: Vec<String>,
}

/// The manual's entry.
pub const SPEC: ValueSpec = ValueSpec {
    name: "Gravity",
    doc: "Which way is up in the fixed frame, by which source.",
    members: &[
        (".up .down", "[x, y, z] unit vectors in .frame"),
        (".sigma", "one standard deviation of the direction, radians"),
        (".source .how", "\"tf\", \"imu\" or \"ransac\"; in words"),
        (".agrees", "whether every other source that knows agrees within 3 sigma"),
        (".checks", "list of #{source, angle, sigma, agrees} of the other sources, radians"),
        (".missing", "list of text: which source says nothing, and why"),
        (".in_frame(name)", "[x, y, z]: up in another frame"),
        (".frame", "the fixed frame"),
    ],
};

impl GravityValue {
    /// In a few words.
    pub fn text(&self) -> String {
        let checks: String = self
            .checks
            .iter()
            .map(|(source, angle_rad, sigma_rad, agrees)| {
                let verdict = if *agrees { "agrees" } else { "DISAGREES" };
                format!("; {source} {verdict}: {:.2}° ± {:.2}°", angle_rad.to_degrees(), sigma_rad.to_degrees())
            })
            .collect();
        let up = self.up;
        format!(
            "Gravity: up [{:.4}, {:.4}, {:.4}] ± {:.4} rad in {}, source {} ({}){checks}",
            up.x, up.y, up.z, self.sigma_rad, self.frame, self.source, self.how
        )
    }
}

/// Makes the type known to cells.
pub fn register(library: &mut Library) {
    library
        .register_type_with_name::<GravityValue>("Gravity")
        .register_get("up", |g: &mut GravityValue| list_of_point(&Point3::from(g.up.into_inner())))
        .register_get("down", |g: &mut GravityValue| list_of_point(&Point3::from(-g.up.into_inner())))
        .register_get("sigma", |g: &mut GravityValue| g.sigma_rad)
        .register_get("source", |g: &mut GravityValue| g.source)
        .register_get("how", |g: &mut GravityValue| g.how.clone())
        .register_get("frame", |g: &mut GravityValue| g.frame.to_string())
        .register_get("agrees", |g: &mut GravityValue| g.checks.iter().all(|(.., agrees)| *agrees))
        .register_get("checks", |g: &mut GravityValue| {
            let check = |(source, angle_rad, sigma_rad, agrees): &(String, f64, f64, bool)| {
                let map: Map = [
                    ("source".into(), Dynamic::from(source.clone())),
                    ("angle".into(), Dynamic::from_float(*angle_rad)),
                    ("sigma".into(), Dynamic::from_float(*sigma_rad)),
                    ("agrees".into(), Dynamic::from_bool(*agrees)),
                ]
                .into();
                Dynamic::from(map)
            };
            g.checks.iter().map(check).collect::<Array>()
        })
        .register_get("missing", |g: &mut GravityValue| {
            g.missing.iter().map(|why| Dynamic::from(why.clone())).collect::<Array>()
        })
        .register_fn("in_frame", |context: NativeCallContext, g: &mut GravityValue, frame: &str| -> RhaiResult<Arr> {
            Ok(list_of_point(&Point3::from(up_in(&*Session::of(&context)?, g, frame)?)))
        })
        .register_fn("to_string", |g: &mut GravityValue| g.text())
        .register_fn("to_debug", |g: &mut GravityValue| g.text());
}
