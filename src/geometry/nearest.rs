//! The nearest of one set of points for each point of another, and the closest pair of both.
//!
//! Both sets stand in trees of bounding boxes that fit their points, and the trees are searched together: a leaf of asking points goes
//! down the searched tree at once, and begins with what the leaf before it found. Of two things that stand apart, almost all points are
//! about equally far; a search point by point then visits a large part of the tree (Gray and Moore 2000; Curtin et al. 2013).

use std::array;

use crate::memory::parallel::{Interrupt, Interrupted, NEVER, parallel_chunks, parallel_chunks_mut};

/// Points of one leaf; distances to all of them are computed side by side.
const LEAF: usize = 8;
/// Leaves of asking points that one thread takes at least.
const MIN_CHUNK: usize = 32;
/// Parts of a tree that are made side by side.
const N_PARTS: usize = 16;
/// Deeper than any tree of as many points as `u32` can count.
const MAX_DEPTH: usize = 64;
/// Place of no point.
const NONE: u32 = u32::MAX;

/// The nearest point that was found for an asking one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nearest {
    /// Squared distance, square metres for points in metres.
    pub distance2: f64,
    /// Position in the searched points.
    pub at: usize,
}

/// Points in boxes.
#[derive(Clone, Debug)]
pub struct BoxTree {
    /// Complete binary tree: the children of `i` are `2 i + 1` and `2 i + 2`; the last half are the leaves' boxes.
    boxes: Vec<Bounds>,
    leaves: Vec<Leaf>,
    n_points: usize,
}

/// Bytes that a tree takes per point while it is made.
pub const BYTES_PER_POINT: usize = 112;

#[derive(Clone, Copy, Debug)]
struct Bounds {
    low: [f64; 3],
    high: [f64; 3],
}

/// Coordinates by axis. Places without a point are infinitely far.
#[derive(Clone, Debug)]
struct Leaf {
    axes: [[f64; LEAF]; 3],
    at: [u32; LEAF],
}

#[derive(Clone, Copy)]
struct Item {
    p: [f64; 3],
    at: u32,
}

impl Bounds {
    const EMPTY: Bounds = Bounds { low: [f64::INFINITY; 3], high: [f64::NEG_INFINITY; 3] };

    fn of<'a>(points: impl Iterator<Item = &'a [f64; 3]>) -> Bounds {
        points.fold(Bounds::EMPTY, |bounds, p| bounds.joined(&Bounds { low: *p, high: *p }))
    }

    fn joined(&self, other: &Bounds) -> Bounds {
        Bounds {
            low: array::from_fn(|i| self.low[i].min(other.low[i])),
            high: array::from_fn(|i| self.high[i].max(other.high[i])),
        }
    }

    fn longest_axis(&self) -> usize {
        let length = |axis: usize| self.high[axis] - self.low[axis];
        let longer = usize::from(length(1) > length(0));
        if length(2) > length(longer) { 2 } else { longer }
    }

    /// Squared distance of the two boxes, 0 where they overlap.
    fn distance2(&self, other: &Bounds) -> f64 {
        let apart: [f64; 3] = array::from_fn(|i| positive(self.low[i] - other.high[i], other.low[i] - self.high[i]));
        apart[0] * apart[0] + apart[1] * apart[1] + apart[2] * apart[2]
    }

    fn distance2_to(&self, p: &[f64; 3]) -> f64 {
        let apart: [f64; 3] = array::from_fn(|i| positive(self.low[i] - p[i], p[i] - self.high[i]));
        apart[0] * apart[0] + apart[1] * apart[1] + apart[2] * apart[2]
    }
}

/// The larger one, at least 0.
fn positive(a: f64, b: f64) -> f64 {
    let larger = if a > b { a } else { b };
    if larger > 0.0 { larger } else { 0.0 }
}

impl Leaf {
    fn of(items: &[Item]) -> Leaf {
        let mut leaf = Leaf { axes: [[f64::INFINITY; LEAF]; 3], at: [NONE; LEAF] };
        for (i, item) in items.iter().take(LEAF).enumerate() {
            for axis in 0..3 {
                leaf.axes[axis][i] = item.p[axis];
            }
            leaf.at[i] = item.at;
        }
        leaf
    }

    fn point(&self, i: usize) -> Option<[f64; 3]> {
        (self.at[i] != NONE).then(|| array::from_fn(|axis| self.axes[axis][i]))
    }

    /// The nearest point, if it is nearer than `best`.
    fn nearest(&self, p: &[f64; 3], best: &mut Found) {
        let distances2: [f64; LEAF] = array::from_fn(|i| {
            let away: [f64; 3] = array::from_fn(|axis| self.axes[axis][i] - p[axis]);
            away[0] * away[0] + away[1] * away[1] + away[2] * away[2]
        });
        let least = distances2.iter().fold(f64::INFINITY, |least, d| if *d < least { *d } else { least });
        if least < best.distance2
            && let Some(i) = distances2.iter().position(|d| *d == least)
        {
            *best = Found { distance2: least, at: self.at[i], p: array::from_fn(|axis| self.axes[axis][i]) };
        }
    }
}

#[derive(Clone, Copy)]
struct Found {
    distance2: f64,
    at: u32,
    p: [f64; 3],
}

/// One leaf of asking points on its way through the tree.
struct Asking {
    bounds: Bounds,
    points: [Option<[f64; 3]>; LEAF],
    best: [Found; LEAF],
    wants: Wants,
}

/// What is looked for.
#[derive(Clone, Copy, PartialEq)]
enum Wants {
    /// The nearest of each point.
    Each,
    /// Only the nearest of all.
    Closest,
}

impl Asking {
    fn new(leaf: &Leaf, bounds: Bounds, reach2: f64, wants: Wants) -> Asking {
        let nothing = Found { distance2: reach2, at: NONE, p: [0.0; 3] };
        Asking { bounds, points: array::from_fn(|i| leaf.point(i)), best: [nothing; LEAF], wants }
    }

    /// Begins with what another leaf found.
    fn begin_with(&mut self, found: &[Found; LEAF]) {
        for (point, best) in self.points.iter().zip(&mut self.best) {
            let Some(p) = point else { continue };
            for known in found.iter().filter(|known| known.at != NONE) {
                let away: [f64; 3] = array::from_fn(|axis| known.p[axis] - p[axis]);
                let distance2 = away[0] * away[0] + away[1] * away[1] + away[2] * away[2];
                if distance2 < best.distance2 {
                    *best = Found { distance2, ..*known };
                }
            }
        }
    }

    /// Squared distance below which a point is still of use.
    fn limit(&self) -> f64 {
        let asked = self.points.iter().zip(&self.best).filter(|(point, _)| point.is_some());
        asked.fold(0.0, |most: f64, (_, best)| most.max(best.distance2))
    }

    fn keep_closest(&mut self) {
        let least = self.best.iter().fold(f64::INFINITY, |least, best| least.min(best.distance2));
        for best in self.best.iter_mut().filter(|best| best.distance2 > least) {
            *best = Found { distance2: least, at: NONE, ..*best };
        }
    }

    fn search(&mut self, tree: &BoxTree) {
        let n_inner = tree.boxes.len() / 2;
        let mut waiting = [(0.0, 0usize); MAX_DEPTH];
        let mut n_waiting = 1;
        let mut limit = self.limit();
        while n_waiting > 0 {
            n_waiting -= 1;
            let (distance2, node) = waiting[n_waiting];
            // Equal is not nearer, but for boxes that touch: their points may be nearer than any known.
            if distance2 >= limit {
                continue;
            }
            if node >= n_inner {
                if let (Some(leaf), Some(bounds)) = (tree.leaves.get(node - n_inner), tree.boxes.get(node)) {
                    for (point, best) in self.points.iter().zip(&mut self.best) {
                        if let Some(p) = point
                            && bounds.distance2_to(p) < best.distance2
                        {
                            leaf.nearest(p, best);
                        }
                    }
                    if self.wants == Wants::Closest {
                        self.keep_closest();
                    }
                    limit = self.limit();
                }
                continue;
            }
            let [left, right] = [2 * node + 1, 2 * node + 2]
                .map(|child| (tree.boxes.get(child).map_or(f64::INFINITY, |b| b.distance2(&self.bounds)), child));
            let [near, far] = if left.0 <= right.0 { [left, right] } else { [right, left] };
            for child in [far, near] {
                if child.0 < limit && n_waiting < MAX_DEPTH {
                    waiting[n_waiting] = child;
                    n_waiting += 1;
                }
            }
        }
    }

    fn results(&self, leaf: &Leaf) -> impl Iterator<Item = (u32, Nearest)> {
        let found = leaf.at.iter().zip(&self.best).filter(|(asking, best)| **asking != NONE && best.at != NONE);
        found.map(|(asking, best)| (*asking, Nearest { distance2: best.distance2, at: best.at as usize }))
    }
}

impl BoxTree {
    /// Of finite points, at most 2³² - 2 of them.
    pub fn new(points: &[[f64; 3]]) -> BoxTree {
        let mut items: Vec<Item> = points.iter().zip(0..NONE).map(|(p, at)| Item { p: *p, at }).collect();
        let n_leaves = items.len().div_ceil(LEAF).next_power_of_two();
        let mut boxes = vec![Bounds::EMPTY; 2 * n_leaves - 1];
        // The first cuts are made here, what is left of each part on all cores.
        let mut parts = vec![items.as_mut_slice()];
        while parts.len() < N_PARTS.min(n_leaves) {
            parts = parts.into_iter().flat_map(cut).collect();
        }
        let n_each = n_leaves / parts.len();
        let made = parallel_chunks_mut(&mut parts, 1, NEVER, |_, parts| {
            let mut leaves = Vec::with_capacity(n_each * parts.len());
            parts.iter_mut().for_each(|part| split(part, n_each, &mut leaves));
            leaves
        });
        let leaves: Vec<Leaf> = made.unwrap_or_default().into_iter().flatten().collect();
        for (slot, leaf) in boxes.iter_mut().skip(n_leaves - 1).zip(&leaves) {
            let points: [Option<[f64; 3]>; LEAF] = array::from_fn(|i| leaf.point(i));
            *slot = Bounds::of(points.iter().flatten());
        }
        for node in (0..n_leaves - 1).rev() {
            boxes[node] = boxes[2 * node + 1].joined(&boxes[2 * node + 2]);
        }
        BoxTree { boxes, leaves, n_points: points.len() }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.n_points
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.n_points == 0
    }

    /// For each point of `asking`, in the order it was given, the nearest of this tree that is nearer than `reach`. On all cores.
    ///
    /// # Errors
    /// When `interrupt` said so.
    pub fn nearest(
        &self,
        asking: &BoxTree,
        reach: f64,
        interrupt: Interrupt<'_>,
    ) -> Result<Vec<Option<Nearest>>, Interrupted> {
        let reach2 = reach * reach;
        let first = asking.boxes.len() / 2;
        let parts = parallel_chunks(asking.leaves.len(), MIN_CHUNK, interrupt, |chunk| {
            let mut results = Vec::with_capacity(chunk.len() * LEAF);
            let mut before: Option<[Found; LEAF]> = None;
            for at in chunk {
                let (Some(leaf), Some(bounds)) = (asking.leaves.get(at), asking.boxes.get(first + at)) else {
                    continue;
                };
                let mut part = Asking::new(leaf, *bounds, reach2, Wants::Each);
                if let Some(before) = &before {
                    part.begin_with(before);
                }
                part.search(self);
                results.extend(part.results(leaf));
                before = Some(part.best);
            }
            results
        })?;
        let mut nearest = vec![None; asking.n_points];
        for (asking, found) in parts.into_iter().flatten() {
            if let Some(slot) = nearest.get_mut(asking as usize) {
                *slot = Some(found);
            }
        }
        Ok(nearest)
    }

    /// The closest pair: position in `asking`, and the point of this tree nearest to it. `None` when one of them is empty.
    pub fn closest(&self, asking: &BoxTree) -> Option<(usize, Nearest)> {
        let n_inner = asking.boxes.len() / 2;
        let mut closest: Option<(u32, Found)> = None;
        let reach2 = |closest: &Option<(u32, Found)>| closest.map_or(f64::INFINITY, |(_, found)| found.distance2);
        let whole = self.boxes.first()?;
        let mut waiting = vec![(0.0, 0usize)];
        while let Some((distance2, node)) = waiting.pop() {
            if distance2 >= reach2(&closest) {
                continue;
            }
            if node < n_inner {
                let mut children = [2 * node + 1, 2 * node + 2]
                    .map(|child| (asking.boxes.get(child).map_or(f64::INFINITY, |b| b.distance2(whole)), child));
                children.sort_by(|a, b| b.0.total_cmp(&a.0));
                waiting.extend(children);
                continue;
            }
            let (Some(leaf), Some(bounds)) = (asking.leaves.get(node - n_inner), asking.boxes.get(node)) else {
                continue;
            };
            let mut part = Asking::new(leaf, *bounds, reach2(&closest), Wants::Closest);
            part.search(self);
            for (at, found) in leaf.at.iter().zip(&part.best) {
                if found.at != NONE && found.distance2 < reach2(&closest) {
                    closest = Some((*at, *found));
                }
            }
        }
        closest.map(|(at, found)| (at as usize, Nearest { distance2: found.distance2, at: found.at as usize }))
    }
}

/// Two halves with a plane across the longest side between them.
fn cut(items: &mut [Item]) -> [&mut [Item]; 2] {
    let middle = items.len() / 2;
    if items.len() > 1 {
        let axis = Bounds::of(items.iter().map(|item| &item.p)).longest_axis();
        items.select_nth_unstable_by(middle, |a, b| a.p[axis].total_cmp(&b.p[axis]));
    }
    items.split_at_mut(middle).into()
}

/// Cuts until each leaf has its share; leaves come out in the order of the tree.
fn split(items: &mut [Item], n_leaves: usize, leaves: &mut Vec<Leaf>) {
    if n_leaves < 2 {
        leaves.push(Leaf::of(items));
        return;
    }
    for half in cut(items) {
        split(half, n_leaves / 2, leaves);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::memory::parallel::NEVER;

    fn distance2(p: &[f64; 3], q: &[f64; 3]) -> f64 {
        let away: [f64; 3] = array::from_fn(|axis| q[axis] - p[axis]);
        away[0] * away[0] + away[1] * away[1] + away[2] * away[2]
    }

    fn check(asking: &[[f64; 3]], points: &[[f64; 3]], reach: f64) {
        let (tree, asking_tree) = (BoxTree::new(points), BoxTree::new(asking));
        let found = tree.nearest(&asking_tree, reach, NEVER).unwrap();
        assert_eq!(found.len(), asking.len());
        let least = |p: &[f64; 3]| points.iter().map(|q| distance2(p, q)).min_by(f64::total_cmp);
        for (p, found) in asking.iter().zip(found) {
            let expected = least(p).filter(|d| *d < reach * reach);
            assert_eq!(found.map(|found| found.distance2), expected, "{p:?}");
            if let Some(found) = found {
                assert_eq!(distance2(p, &points[found.at]), found.distance2);
            }
        }
        let closest = tree.closest(&asking_tree);
        assert_eq!(closest.map(|(_, found)| found.distance2), asking.iter().filter_map(least).min_by(f64::total_cmp));
        if let Some((at, found)) = closest {
            assert_eq!(distance2(&asking[at], &points[found.at]), found.distance2);
        }
    }

    fn points() -> impl Strategy<Value = Vec<[f64; 3]>> {
        // Coarse steps make equal points and equal distances.
        let coordinate = prop_oneof![-3.0..3.0, (-6i32..6).prop_map(|step| f64::from(step) / 2.0)];
        prop::collection::vec(prop::array::uniform3(coordinate), 0..400)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn every_nearest_point_is_the_one_that_comparing_all_finds(
            asking in points(),
            points in points(),
            shift in prop::array::uniform3(-9.0f64..9.0),
            reach in prop_oneof![Just(f64::INFINITY), 0.0..9.0],
        ) {
            let asking: Vec<[f64; 3]> = asking.iter().map(|p| array::from_fn(|axis| p[axis] + shift[axis])).collect();
            check(&asking, &points, reach);
        }
    }

    #[test]
    fn surfaces_that_stand_apart_are_searched_right() {
        let sphere = |y_m: f64, n: usize| -> Vec<[f64; 3]> {
            // Fibonacci's sphere: even and without randomness.
            (0..n)
                .map(|i| {
                    let z = 1.0 - (2 * i + 1) as f64 / n as f64;
                    let (turn, r) = (i as f64 * 2.399_963_229_728_653, (1.0 - z * z).sqrt());
                    [0.3 * r * turn.cos(), y_m + 0.3 * r * turn.sin(), 0.3 * z]
                })
                .collect()
        };
        check(&sphere(0.9, 900), &sphere(-0.9, 3000), f64::INFINITY);
        check(&[[1.0; 3]; 50], &[[1.0; 3]; 50], f64::INFINITY);
    }

    #[test]
    fn an_interrupt_ends_the_search() {
        let tree = BoxTree::new(&[[0.0; 3]; 100]);
        assert_eq!(tree.nearest(&tree, f64::INFINITY, &|| true), Err(Interrupted));
    }
}
