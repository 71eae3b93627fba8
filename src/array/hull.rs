//! Convex hulls of points in the plane and in space, with exact orientation tests (Shewchuk 1997), so that points in one plane or line
//! do no harm. In space: quickhull (Barber, Dobkin, Huhdanpaa 1996).

use std::collections::HashMap;

use robust::{Coord, Coord3D, orient2d, orient3d};

use super::{Arr, ArrayError, ArrayResult, Work};

/// A convex hull.
#[derive(Clone, Debug, PartialEq)]
pub struct Hull {
    /// Rows of the corner points: counterclockwise in the plane, ascending in space.
    pub vertices: Vec<usize>,
    /// Rows of the ends of each edge, or of the corners of each triangle (counterclockwise from outside).
    pub simplices: Vec<Vec<usize>>,
    /// Area in the plane, volume in space.
    pub volume: f64,
    /// Length of the outline in the plane, surface in space.
    pub area: f64,
}

/// The hull of the rows of a matrix with 2 or 3 columns.
///
/// # Errors
/// Other shapes, values that are not finite, or points that all lie in one line or plane.
pub fn convex_hull(points: &Arr, work: &dyn Work) -> ArrayResult<Hull> {
    let [n, width] = points.matrix_shape("the points")?;
    if let Some(wrong) = points.as_slice().iter().find(|value| !value.is_finite()) {
        return Err(ArrayError::NotComputable(format!(
            "the points hold {wrong}; drop such rows first: p[np.isfinite(p).all(1)]"
        )));
    }
    work.room(n.saturating_mul(32))?;
    match width {
        2 => flat_hull(points.as_slice().as_chunks::<2>().0),
        3 => Solid::new(points.as_slice().as_chunks::<3>().0, work)?.hull(work),
        _ => Err(ArrayError::Shape(format!("the points have {width} coordinates, wanted 2 or 3"))),
    }
}

fn too_flat(n: usize, wanted: &str) -> ArrayError {
    ArrayError::NotComputable(format!("the {n} points span no {wanted}, so they have no hull"))
}

fn turn(a: [f64; 2], b: [f64; 2], c: [f64; 2]) -> f64 {
    let at = |p: [f64; 2]| Coord { x: p[0], y: p[1] };
    orient2d(at(a), at(b), at(c))
}

/// Andrew's monotone chain.
fn flat_hull(points: &[[f64; 2]]) -> ArrayResult<Hull> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|a, b| points[*a][0].total_cmp(&points[*b][0]).then(points[*a][1].total_cmp(&points[*b][1])));
    let half = |order: &mut dyn Iterator<Item = &usize>| {
        let mut chain: Vec<usize> = Vec::new();
        for at in order {
            while let [.., a, b] = chain[..]
                && turn(points[a], points[b], points[*at]) <= 0.0
            {
                chain.pop();
            }
            chain.push(*at);
        }
        chain.pop();
        chain
    };
    let mut vertices = half(&mut order.iter());
    vertices.extend(half(&mut order.iter().rev()));
    if vertices.len() < 3 {
        return Err(too_flat(points.len(), "area"));
    }
    let next = |i: usize| vertices[(i + 1) % vertices.len()];
    let simplices: Vec<Vec<usize>> = vertices.iter().enumerate().map(|(i, at)| vec![*at, next(i)]).collect();
    let origin = points[vertices[0]];
    let (mut doubled, mut length) = (0.0, 0.0);
    for edge in &simplices {
        let (a, b) = (points[edge[0]], points[edge[1]]);
        doubled += (a[0] - origin[0]) * (b[1] - origin[1]) - (b[0] - origin[0]) * (a[1] - origin[1]);
        length += (b[0] - a[0]).hypot(b[1] - a[1]);
    }
    Ok(Hull { vertices, simplices, volume: doubled / 2.0, area: length })
}

type Point = [f64; 3];

fn minus(a: Point, b: Point) -> Point {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

fn cross(a: Point, b: Point) -> Point {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn dot(a: Point, b: Point) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// A triangle of the growing hull.
struct Face {
    corners: [usize; 3],
    /// Points outside of it that no other face has taken.
    outside: Vec<usize>,
    is_gone: bool,
}

struct Solid<'a> {
    points: &'a [Point],
    faces: Vec<Face>,
    /// The face to the left of each directed edge.
    of_edge: HashMap<(usize, usize), usize>,
}

impl<'a> Solid<'a> {
    /// Four points that span a volume.
    fn new(points: &'a [Point], work: &dyn Work) -> ArrayResult<Solid<'a>> {
        let flat = || too_flat(points.len(), "volume");
        work.proceed()?;
        let farthest = |measure: &dyn Fn(&Point) -> f64| {
            (0..points.len()).max_by(|a, b| measure(&points[*a]).total_cmp(&measure(&points[*b]))).ok_or_else(flat)
        };
        let a = farthest(&|p| p[0])?;
        let b = farthest(&|p| dot(minus(*p, points[a]), minus(*p, points[a])))?;
        let ab = minus(points[b], points[a]);
        let c = farthest(&|p| {
            let across = cross(ab, minus(*p, points[a]));
            dot(across, across)
        })?;
        let normal = cross(ab, minus(points[c], points[a]));
        let d = farthest(&|p| dot(normal, minus(*p, points[a])).abs())?;
        let mut solid = Solid { points, faces: Vec::new(), of_edge: HashMap::new() };
        let side = solid.side([a, b, c], d);
        if side == 0.0 {
            return Err(flat());
        }
        // The fourth point must lie below the first face.
        let [a, b] = if side > 0.0 { [b, a] } else { [a, b] };
        for corners in [[a, b, c], [a, d, b], [b, d, c], [c, d, a]] {
            solid.add(corners);
        }
        let first: Vec<usize> = (0..4).collect();
        solid.hand_out((0..points.len()).collect(), &first);
        Ok(solid)
    }

    /// Positive when `p` is outside of the face with these corners.
    fn side(&self, [a, b, c]: [usize; 3], p: usize) -> f64 {
        let at = |i: usize| Coord3D { x: self.points[i][0], y: self.points[i][1], z: self.points[i][2] };
        // The predicate is positive below the plane.
        -orient3d(at(a), at(b), at(c), at(p))
    }

    fn add(&mut self, corners: [usize; 3]) -> usize {
        let [a, b, c] = corners;
        let face = self.faces.len();
        self.faces.push(Face { corners, outside: Vec::new(), is_gone: false });
        self.of_edge.extend([((a, b), face), ((b, c), face), ((c, a), face)]);
        face
    }

    /// Gives each point to the first face that it is outside of; what is inside all is dropped.
    fn hand_out(&mut self, points: Vec<usize>, faces: &[usize]) {
        for p in points {
            if let Some(face) = faces.iter().copied().find(|face| self.side(self.faces[*face].corners, p) > 0.0) {
                self.faces[face].outside.push(p);
            }
        }
    }

    fn hull(mut self, work: &dyn Work) -> ArrayResult<Hull> {
        let mut open: Vec<usize> = (0..self.faces.len()).collect();
        while let Some(face) = open.pop() {
            if self.faces[face].is_gone || self.faces[face].outside.is_empty() {
                continue;
            }
            work.proceed()?;
            let [a, b, c] = self.faces[face].corners.map(|corner| self.points[corner]);
            let normal = cross(minus(b, a), minus(c, a));
            let height = |p: usize| dot(normal, minus(self.points[p], a));
            let farthest = self.faces[face].outside.iter().copied().max_by(|p, q| height(*p).total_cmp(&height(*q)));
            let Some(eye) = farthest else { continue };
            let (mut visible, mut horizon) = (vec![face], Vec::new());
            self.faces[face].is_gone = true;
            let mut at = 0;
            while let Some(seen) = visible.get(at).copied() {
                let [a, b, c] = self.faces[seen].corners;
                for (from, to) in [(a, b), (b, c), (c, a)] {
                    let Some(beside) = self.of_edge.get(&(to, from)).copied() else { continue };
                    if self.faces[beside].is_gone {
                        continue;
                    }
                    if self.side(self.faces[beside].corners, eye) > 0.0 {
                        self.faces[beside].is_gone = true;
                        visible.push(beside);
                    } else {
                        horizon.push((from, to));
                    }
                }
                at += 1;
            }
            let mut orphans = Vec::new();
            for seen in &visible {
                orphans.append(&mut self.faces[*seen].outside);
            }
            orphans.retain(|p| *p != eye);
            let added: Vec<usize> = horizon.into_iter().map(|(from, to)| self.add([from, to, eye])).collect();
            self.hand_out(orphans, &added);
            open.extend(added);
        }
        let corners: Vec<[usize; 3]> =
            self.faces.iter().filter(|face| !face.is_gone).map(|face| face.corners).collect();
        let mut vertices: Vec<usize> = corners.iter().flatten().copied().collect();
        vertices.sort_unstable();
        vertices.dedup();
        let origin = self.points[vertices[0]];
        let (mut volume, mut area) = (0.0, 0.0);
        for face in &corners {
            let [a, b, c] = face.map(|corner| minus(self.points[corner], origin));
            volume += dot(a, cross(b, c)) / 6.0;
            let across = cross(minus(b, a), minus(c, a));
            area += dot(across, across).sqrt() / 2.0;
        }
        Ok(Hull { vertices, simplices: corners.into_iter().map(|face| face.to_vec()).collect(), volume, area })
    }
}
