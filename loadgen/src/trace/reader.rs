//! Opens a trace, recognises its compression by its first bytes, and reads it line by line.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use super::{
    oracle,
    request::{Request, parse},
};
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
    /// Lines or records read.
    line_number: u64,
    /// Whether it is an oracleGeneral binary.
    binary: bool,
}

impl TraceReader {
    /// Opens a plain, zstd or xz file; one with `oracleGeneral` in its name is such a binary.
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
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let binary = name.to_ascii_lowercase().contains("oraclegeneral");
        Ok(TraceReader { path: path.into(), input, line: Vec::new(), line_number: 0, binary })
    }

    /// The next request; `None` at the end. Empty lines are passed over.
    pub fn next_request(&mut self) -> Result<Option<Request>, Error> {
        if self.binary {
            let read = oracle::read(&mut self.input).map_err(|source| self.ends_early("record", source))?;
            self.line_number += 1;
            return read.transpose().map_err(|reason| self.refused_as("record", reason));
        }
        loop {
            self.line.clear();
            let read = (&mut self.input).take(LINE_LEN_MAX).read_until(b'\n', &mut self.line);
            let read = read.map_err(|source| self.ends_early("line", source))?;
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

    fn ends_early(&self, unit: &'static str, source: io::Error) -> Error {
        Error::TraceRest { path: self.path.clone(), unit, line: self.line_number, source }
    }

    fn refused(&self, reason: &'static str) -> Error {
        self.refused_as("line", reason)
    }

    fn refused_as(&self, unit: &'static str, reason: &'static str) -> Error {
        Error::TraceLine { path: self.path.clone(), unit, line: self.line_number, reason }
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
    fn a_binary_is_told_by_its_name_and_its_faults_name_the_record() {
        let record = |id: u64| [&[9, 0, 0, 0], &id.to_le_bytes()[..], &[100, 0, 0, 0], &[0xff; 8]].concat();
        let bytes = [record(1), record(0x2f)].concat();
        assert_eq!(keys(&temporary("a.oracleGeneral.bin", &bytes)), ["1", "2f"]);
        assert_eq!(keys(&temporary("b.oracleGeneral.zst", &zstd::encode_all(&bytes[..], 1).unwrap())), ["1", "2f"]);
        let path = temporary("c.oracleGeneral", &bytes[..40]);
        let mut reader = TraceReader::open(&path).unwrap();
        assert!(reader.next_request().unwrap().is_some());
        assert!(reader.next_request().unwrap_err().to_string().contains("record 2: the last record"));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn faults_name_the_line() {
        let path = temporary("bad", b"0,a,1,10,0,get,0\n\nnonsense\n");
        let mut reader = TraceReader::open(&path).unwrap();
        assert!(reader.next_request().unwrap().is_some());
        assert!(reader.next_request().unwrap_err().to_string().ends_with("line 3: fewer than 7 columns"));
        std::fs::remove_file(&path).unwrap();

        let path = temporary("long", &vec![b'x'; 100_000]);
        assert!(TraceReader::open(&path).unwrap().next_request().unwrap_err().to_string().contains("too long"));
        std::fs::remove_file(&path).unwrap();

        let cut = zstd::encode_all(b"0,a,1,10,0,get,0\n".as_slice(), 1).unwrap();
        let path = temporary("cut", &cut[..cut.len() - 3]);
        let mut reader = TraceReader::open(&path).unwrap();
        let said = reader.next_request().and_then(|_| reader.next_request()).unwrap_err().to_string();
        assert!(said.contains(", after line ") && said.ends_with(": incomplete frame"), "{said}");
        std::fs::remove_file(&path).unwrap();
        assert!(TraceReader::open(Path::new("/nowhere/at/all")).is_err());
    }
}
