//! Plain CDR, little-endian, as ROS 2 puts it on the wire.

/// Writes values in order, each aligned to its own size.
pub(super) struct CdrWriter {
    bytes: Vec<u8>,
}

/// Says that what follows is little-endian; alignment counts from behind it.
const ENCAPSULATION: [u8; 4] = [0, 1, 0, 0];

impl CdrWriter {
    pub fn new() -> CdrWriter {
        CdrWriter { bytes: ENCAPSULATION.to_vec() }
    }

    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn align(&mut self, size: usize) {
        let past = (self.bytes.len() - ENCAPSULATION.len()) % size;
        if past > 0 {
            self.bytes.resize(self.bytes.len() + size - past, 0);
        }
    }

    pub fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub fn u32(&mut self, value: u32) {
        self.align(4);
        self.bytes.extend(value.to_le_bytes());
    }

    pub fn i32(&mut self, value: i32) {
        self.align(4);
        self.bytes.extend(value.to_le_bytes());
    }

    pub fn f64(&mut self, value: f64) {
        self.align(8);
        self.bytes.extend(value.to_le_bytes());
    }

    /// With its length and a zero at the end.
    pub fn text(&mut self, text: &str) {
        self.u32(text.len() as u32 + 1);
        self.bytes.extend(text.as_bytes());
        self.bytes.push(0);
    }

    /// A sequence of bytes with its length.
    pub fn blob(&mut self, bytes: &[u8]) {
        self.u32(bytes.len() as u32);
        self.bytes.extend(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Laid out by hand after the OMG's CDR rules.
    #[test]
    fn values_are_aligned_from_behind_the_encapsulation() {
        let mut cdr = CdrWriter::new();
        cdr.u8(7);
        cdr.u32(0x0102_0304);
        cdr.text("ab");
        cdr.f64(1.0);
        cdr.blob(&[9]);
        let expected = [
            [0, 1, 0, 0].as_slice(),
            &[7, 0, 0, 0],
            &[4, 3, 2, 1],
            &[3, 0, 0, 0, b'a', b'b', 0, 0],
            &1.0_f64.to_le_bytes(),
            &[1, 0, 0, 0, 9],
        ]
        .concat();
        assert_eq!(cdr.finish(), expected);
    }
}
