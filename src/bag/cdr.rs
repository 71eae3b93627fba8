//! Plain CDR as ROS 2 puts it on the wire and into bags: both byte orders, both versions of the rules.

use thiserror::Error;

/// Why bytes are not the message they should be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CdrError {
    /// The first two bytes name a representation that ROS 2 does not use for these messages.
    #[error("the message begins with {found:02x?}, expected plain CDR (00 00, 00 01, 00 06 or 00 07)")]
    Encapsulation {
        /// As found.
        found: Vec<u8>,
    },
    /// It ends before its fields do.
    #[error("the message ends after {n_bytes} bytes, where {n_wanted} more are needed")]
    TooShort {
        /// Bytes of the message.
        n_bytes: usize,
        /// Bytes that the next field takes.
        n_wanted: usize,
    },
}

/// Reads values in order, each aligned to its own size. Nothing is allocated that the bytes do not hold.
pub struct CdrReader<'a> {
    /// Behind the encapsulation, from which alignment counts.
    bytes: &'a [u8],
    position: usize,
    is_big_endian: bool,
    max_align: usize,
}

/// Says in which representation the rest is.
const ENCAPSULATION_BYTES: usize = 4;

macro_rules! numbers {
    ($($name:ident: $kind:ty),*) => {
        $(
            /// The next number.
            ///
            /// # Errors
            /// [`CdrError::TooShort`].
            pub fn $name(&mut self) -> Result<$kind, CdrError> {
                let bytes = self.array()?;
                Ok(if self.is_big_endian { <$kind>::from_be_bytes(bytes) } else { <$kind>::from_le_bytes(bytes) })
            }
        )*
    };
}

impl<'a> CdrReader<'a> {
    /// At the first field of a message.
    ///
    /// # Errors
    /// [`CdrError`].
    pub fn new(message: &'a [u8]) -> Result<CdrReader<'a>, CdrError> {
        let (head, bytes) = message
            .split_at_checked(ENCAPSULATION_BYTES)
            .ok_or(CdrError::TooShort { n_bytes: message.len(), n_wanted: ENCAPSULATION_BYTES })?;
        let (is_big_endian, max_align) = match head {
            [0, 0, ..] => (true, 8),
            [0, 1, ..] => (false, 8),
            // Version 2 of the rules aligns eight bytes to four.
            [0, 6, ..] => (true, 4),
            [0, 7, ..] => (false, 4),
            _ => return Err(CdrError::Encapsulation { found: head.iter().take(2).copied().collect() }),
        };
        Ok(CdrReader { bytes, position: 0, is_big_endian, max_align })
    }

    numbers!(u8: u8, u32: u32, i32: i32, f32: f32, f64: f64);

    /// A text with its length and the zero at its end. What is not UTF-8 is replaced.
    ///
    /// # Errors
    /// [`CdrError::TooShort`].
    pub fn text(&mut self) -> Result<String, CdrError> {
        let bytes = self.blob()?;
        Ok(String::from_utf8_lossy(bytes.strip_suffix(&[0]).unwrap_or(bytes)).into_owned())
    }

    /// A sequence of bytes.
    ///
    /// # Errors
    /// [`CdrError::TooShort`].
    pub fn blob(&mut self) -> Result<&'a [u8], CdrError> {
        let length = self.u32()? as usize;
        self.take(length)
    }

    /// A fixed number of values.
    ///
    /// # Errors
    /// Those of `one`.
    pub fn values<const N: usize>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Result<f64, CdrError>,
    ) -> Result<[f64; N], CdrError> {
        let mut values = [0.0; N];
        for value in &mut values {
            *value = one(self)?;
        }
        Ok(values)
    }

    /// A sequence of which each value takes at least `min_bytes`.
    ///
    /// # Errors
    /// [`CdrError::TooShort`] before anything is allocated for a length that cannot be, and those of `one`.
    pub fn sequence<T>(
        &mut self,
        min_bytes: usize,
        mut one: impl FnMut(&mut Self) -> Result<T, CdrError>,
    ) -> Result<Vec<T>, CdrError> {
        let length = self.u32()? as usize;
        let n_wanted = length.saturating_mul(min_bytes);
        if n_wanted > self.n_left() {
            return Err(self.too_short(n_wanted));
        }
        (0..length).map(|_| one(self)).collect()
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CdrError> {
        let align = N.min(self.max_align);
        self.position = self.position.next_multiple_of(align);
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| self.too_short(N))
    }

    fn take(&mut self, n_bytes: usize) -> Result<&'a [u8], CdrError> {
        let end = self.position.checked_add(n_bytes);
        let found = end.and_then(|end| self.bytes.get(self.position..end)).ok_or(self.too_short(n_bytes))?;
        self.position += n_bytes;
        Ok(found)
    }

    fn n_left(&self) -> usize {
        self.bytes.len().saturating_sub(self.position)
    }

    fn too_short(&self, n_wanted: usize) -> CdrError {
        let n_wanted = n_wanted.saturating_sub(self.n_left());
        CdrError::TooShort { n_bytes: self.bytes.len() + ENCAPSULATION_BYTES, n_wanted }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Laid out by hand after the OMG's rules.
    #[test]
    fn values_are_aligned_from_behind_the_encapsulation() {
        let little = [
            [0, 1, 0, 0].as_slice(),
            &[7, 0, 0, 0],
            &[4, 3, 2, 1],
            &[3, 0, 0, 0, b'a', b'b', 0, 0],
            &1.0_f64.to_le_bytes(),
            &[1, 0, 0, 0, 9],
        ]
        .concat();
        let mut cdr = CdrReader::new(&little).unwrap();
        assert_eq!((cdr.u8(), cdr.u32(), cdr.text()), (Ok(7), Ok(0x0102_0304), Ok("ab".to_owned())));
        assert_eq!((cdr.f64(), cdr.blob()), (Ok(1.0), Ok([9].as_slice())));
        assert_eq!(cdr.u8(), Err(CdrError::TooShort { n_bytes: little.len(), n_wanted: 1 }));
    }

    #[test]
    fn the_second_version_aligns_to_four_and_either_byte_order_is_read() {
        let big = [[0, 6, 0, 0].as_slice(), &[0, 0, 0, 5], &2.5_f64.to_be_bytes()].concat();
        let mut cdr = CdrReader::new(&big).unwrap();
        assert_eq!((cdr.u32(), cdr.f64()), (Ok(5), Ok(2.5)));
    }

    #[test]
    fn a_length_that_cannot_be_allocates_nothing() {
        let endless = [[0, 1, 0, 0].as_slice(), &u32::MAX.to_le_bytes(), &[0; 8]].concat();
        let mut cdr = CdrReader::new(&endless).unwrap();
        let n_wanted = u32::MAX as usize * 8 - 8;
        let problem = CdrError::TooShort { n_bytes: 16, n_wanted };
        assert_eq!(cdr.sequence(8, CdrReader::f64), Err(problem));
        let parameter_list = CdrReader::new(&[0, 3, 0, 0]).err();
        assert_eq!(parameter_list, Some(CdrError::Encapsulation { found: vec![0, 3] }));
    }
}
