//! Arrays in words, for whoever reads a cell's output.

use super::{Arr, Bools, Grid, shape};

/// Values shown in full; of longer axes only the ends.
const MAX_SHOWN: usize = 60;

/// Values shown at each end of a long axis.
const N_EDGE: usize = 3;

/// `0.4`, `1.0`, `2.5e-7`: up to eight digits after the point.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "nan"
        } else if value > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .to_owned();
    }
    if value != 0.0 && !(1e-4..1e16).contains(&value.abs()) {
        return shortest(&format!("{value:e}"), &format!("{value:.8e}"));
    }
    let text = format!("{value:.8}");
    let text = text.trim_end_matches('0');
    if text.ends_with('.') { format!("{text}0") } else { text.to_owned() }
}

fn shortest(a: &str, b: &str) -> String {
    if a.len() <= b.len() { a.to_owned() } else { b.to_owned() }
}

fn nested<T: Clone>(grid: &Grid<T>, item: &dyn Fn(&T) -> String) -> String {
    fn write<T>(shape: &[usize], values: &[T], is_long: bool, item: &dyn Fn(&T) -> String, out: &mut String) {
        let Some((n, inner)) = shape.split_first() else {
            out.extend(values.first().map(item));
            return;
        };
        let n_inner: usize = inner.iter().product();
        out.push('[');
        for i in 0..*n {
            if is_long && *n > 2 * N_EDGE && (N_EDGE..*n - N_EDGE).contains(&i) {
                if i == N_EDGE {
                    out.push_str(", ...");
                }
                continue;
            }
            out.push_str(if i == 0 { "" } else { ", " });
            write(inner, values.get(i * n_inner..).unwrap_or_default(), is_long, item, out);
        }
        out.push(']');
    }
    let mut out = String::new();
    write(grid.shape(), grid.as_slice(), grid.len() > MAX_SHOWN, item, &mut out);
    out
}

impl Arr {
    /// `[0.4, 1.0, nan]`; long axes are cut in the middle.
    pub fn text(&self) -> String {
        nested(self, &|value| self.whole(*value).map_or_else(|| number(*value), |whole| whole.to_string()))
    }

    /// Shape, kind, range and number of NaN: `Arr 480x640 float, 0.400..5.000, 12 NaN`; short ones in full.
    pub fn summary(&self) -> String {
        let kind = if self.is_whole() { "int" } else { "float" };
        if self.len() <= 12 {
            let shape = if self.rank() > 1 { format!("{} ", shape::text(self.shape())) } else { String::new() };
            return format!("Arr {shape}{}", self.text());
        }
        let (mut low, mut high, mut n_nan) = (f64::INFINITY, f64::NEG_INFINITY, 0usize);
        for value in self.as_slice() {
            if value.is_nan() {
                n_nan += 1;
            } else {
                (low, high) = (low.min(*value), high.max(*value));
            }
        }
        let range = match (n_nan == self.len(), self.is_whole()) {
            (true, _) => String::new(),
            (false, true) => format!(", {low}..{high}"),
            (false, false) => format!(", {low:.3}..{high:.3}"),
        };
        let nan = if n_nan > 0 { format!(", {n_nan} NaN") } else { String::new() };
        format!("Arr {} {kind}{range}{nan}", shape::text(self.shape()))
    }
}

impl Bools {
    /// `[true, false]`; long axes are cut in the middle.
    pub fn text(&self) -> String {
        nested(self, &|value| value.to_string())
    }

    /// Shape and how many hold: `Bools 480x640, 1200 true`.
    pub fn summary(&self) -> String {
        if self.len() <= 12 {
            return format!("Bools {}", self.text());
        }
        format!("Bools {}, {} true", shape::text(self.shape()), self.n_true())
    }
}
