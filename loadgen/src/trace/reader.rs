//! Opens a trace, recognises its compression by its first bytes, and reads it line by line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use super::request::{Request, parse};
use crate::error::Error;

const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const XZ_MAGIC: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];

/// Longest line in bytes.
const LINE_LEN_MAX: u64 = 64 << 10;

/// Decompressed bytes held at a time.
const BUFFER: usize = 256 << 10;

/// The requests of a trace, in order.
pub struct TraceReader {
    path: PathBuf,
    input: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    line_number: u64,
}

impl TraceReader {
    /// Opens a plain, zstd or xz file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::TraceFile { path: path.into(), source };
        let mut file = BufReader::with_capacity(BUFFER, File::open(path).map_err(failed)?);
        let head = file.fill_buf().map_err(failed)?;
        let input: Box<dyn BufRead + Send> = if head.starts_with(ZSTD_MAGIC) {
            let decoder = zstd::Decoder::with_buffer(file).map_err(failed)?;
            Box::new(BufReader::with_capacity(BUFFER, decoder))
        } else if head.starts_with(XZ_MAGIC) {
            let decoder = liblzma::bufread::XzDecoder::new_multi_decoder(file);
            Box::new(BufReader::with_capacity(BUFFER, decoder))
        } else {
            Box::new(file)
        };
        Ok(TraceReader { path: path.into(), input, line: Vec::new(), line_number: 0 })
    }

    /// The next request; `None` at the end. Empty lines are passed over.
    pub fn next_request(&mut self) -> Result<Option<Request>, Error> {
        loop {
            self.line.clear();
            let read = (&mut self.input).take(LINE_LEN_MAX).read_until(b'\n', &mut self.line);
            let read = read.map_err(|source: io::Error| Error::TraceFile { path: self.path.clone(), source })?;
            if read == 0 {
                return Ok(None);
            }
            self.line_number += 1;
            let mut line = self.line.as_slice();
            match line.strip_suffix(b"\n") {
                Some(whole) => line = whole.strip_suffix(b"\r").unwrap_or(whole),
                None if read as u64 == LINE_LEN_MAX => return Err(self.refused("the line is too long")),
                None => {}
            }
            if line.is_empty() {
                continue;
            }
            return parse(line).map(Some).map_err(|reason| self.refused(reason));
        }
    }

    fn refused(&self, reason: &'static str) -> Error {
        Error::TraceLine { path: self.path.clone(), line: self.line_number, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn temporary(name: &str, bytes: &[u8]) -> PathBuf {
        let path = std::env::temp_dir().join(format!("ringload-{}-{name}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn keys(path: &Path) -> Vec<String> {
        let mut reader = TraceReader::open(path).unwrap();
        let mut keys = Vec::new();
        while let Some(request) = reader.next_request().unwrap() {
            keys.push(String::from_utf8(request.key).unwrap());
        }
        std::fs::remove_file(path).unwrap();
        keys
    }

    #[test]
    fn compression_is_told_by_the_first_bytes() {
        let text = b"0,a,1,10,0,get,0\r\n\n1,b,1,10,0,set,0\n1,c,1,0,0,delete,0";
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(text).unwrap();
        for (name, bytes) in [
            ("plain", text.to_vec()),
            ("zst", zstd::encode_all(text.as_slice(), 1).unwrap()),
            ("xz", xz.finish().unwrap()),
        ] {
            assert_eq!(keys(&temporary(name, &bytes)), ["a", "b", "c"], "{name}");
        }
        assert!(keys(&temporary("empty", b"")).is_empty());
    }

    #[test]
    fn faults_name_the_line() {
        let path = temporary("bad", b"0,a,1,10,0,get,0\n\nnonsense\n");
        let mut reader = TraceReader::open(&path).unwrap();
        assert!(reader.next_request().unwrap().is_some());
        assert!(reader.next_request().unwrap_err().to_string().ends_with("line 3: the ttl is not a number"));
        std::fs::remove_file(&path).unwrap();

        let path = temporary("long", &vec![b'x'; 100_000]);
        assert!(TraceReader::open(&path).unwrap().next_request().unwrap_err().to_string().contains("too long"));
        std::fs::remove_file(&path).unwrap();

        let cut = zstd::encode_all(b"0,a,1,10,0,get,0\n".as_slice(), 1).unwrap();
        let path = temporary("cut", &cut[..cut.len() - 3]);
        assert!(TraceReader::open(&path).unwrap().next_request().is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(TraceReader::open(Path::new("/nowhere/at/all")).is_err());
    }
}
