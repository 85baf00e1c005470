//! Packets of the binary protocol, built by hand.
//!
//! ```text
//!  0        1        2..4     4        5      6..8           8..12     12..16  16..24
//!  magic    opcode   key len  extras   type   status         body len  opaque  cas      extras, key, value
//!                             len             (0 in requests)
//! ```

/// Bytes before the body.
pub const HEADER_LEN: usize = 24;

/// A request that can lie about its lengths.
#[derive(Clone, Debug, Default)]
pub struct Packet {
    opcode: u8,
    extras: Vec<u8>,
    key: Vec<u8>,
    value: Vec<u8>,
    opaque: u32,
    cas: u64,
    key_len: Option<u16>,
    extras_len: Option<u8>,
    body_len: Option<u32>,
}

/// Begins a request.
pub fn packet(opcode: u8) -> Packet {
    Packet { opcode, ..Packet::default() }
}

impl Packet {
    /// Its key.
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.key = key.as_ref().to_vec();
        self
    }

    /// Its value.
    pub fn value(mut self, value: impl AsRef<[u8]>) -> Self {
        self.value = value.as_ref().to_vec();
        self
    }

    /// Its extras, as they are.
    pub fn extras(mut self, extras: impl AsRef<[u8]>) -> Self {
        self.extras = extras.as_ref().to_vec();
        self
    }

    /// The extras of a store: client flags and exptime.
    pub fn stored_with(self, flags: u32, exptime: u32) -> Self {
        self.extras([flags.to_be_bytes(), exptime.to_be_bytes()].concat())
    }

    /// The extras of a counter: delta, initial value and exptime.
    pub fn counted_with(self, delta: u64, initial: u64, exptime: u32) -> Self {
        self.extras([&delta.to_be_bytes()[..], &initial.to_be_bytes(), &exptime.to_be_bytes()].concat())
    }

    /// The extras of a touch: the exptime.
    pub fn touched_with(self, exptime: u32) -> Self {
        self.extras(exptime.to_be_bytes())
    }

    /// What comes back as it is.
    pub fn opaque(mut self, opaque: u32) -> Self {
        self.opaque = opaque;
        self
    }

    /// The CAS number to compare with.
    pub fn cas(mut self, cas: u64) -> Self {
        self.cas = cas;
        self
    }

    /// A key length other than the key's.
    pub fn key_len(mut self, len: u16) -> Self {
        self.key_len = Some(len);
        self
    }

    /// A length of extras other than theirs.
    pub fn extras_len(mut self, len: u8) -> Self {
        self.extras_len = Some(len);
        self
    }

    /// A body length other than the body's.
    pub fn body_len(mut self, len: u32) -> Self {
        self.body_len = Some(len);
        self
    }

    /// The bytes before the CAS number, which is eight bytes, and those behind it.
    pub fn around_cas(&self) -> (Vec<u8>, Vec<u8>) {
        let mut bytes = self.bytes();
        let behind = bytes.split_off(HEADER_LEN);
        bytes.truncate(HEADER_LEN - 8);
        (bytes, behind)
    }

    /// All of it.
    pub fn bytes(&self) -> Vec<u8> {
        let body_len = self.extras.len() + self.key.len() + self.value.len();
        let mut bytes = vec![0x80, self.opcode];
        bytes.extend(self.key_len.unwrap_or(self.key.len() as u16).to_be_bytes());
        bytes.push(self.extras_len.unwrap_or(self.extras.len() as u8));
        bytes.extend([0, 0, 0]);
        bytes.extend(self.body_len.unwrap_or(body_len as u32).to_be_bytes());
        bytes.extend(self.opaque.to_be_bytes());
        bytes.extend(self.cas.to_be_bytes());
        bytes.extend_from_slice(&self.extras);
        bytes.extend_from_slice(&self.key);
        bytes.extend_from_slice(&self.value);
        bytes
    }
}

/// A reply, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The request's.
    pub opcode: u8,
    /// 0 is success.
    pub status: u16,
    /// The request's.
    pub opaque: u32,
    /// 0 where the reply carries none.
    pub cas: u64,
    /// In front of the key.
    pub extras: Vec<u8>,
    /// Only of the `K` forms and of statistics.
    pub key: Vec<u8>,
    /// Also a refusal's words.
    pub value: Vec<u8>,
    /// The length of the whole.
    pub len: usize,
}

impl Answer {
    /// Takes the first reply off `bytes`; `None` if it is not all there.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(bytes: &[u8]) -> Result<Option<Answer>, String> {
        if bytes.first().is_some_and(|magic| *magic != 0x81) {
            return Err(format!("a reply that begins with {:#04x}", bytes[0]));
        }
        let Some(header) = bytes.get(..HEADER_LEN) else { return Ok(None) };
        let number = |range: std::ops::Range<usize>| header[range].iter().fold(0, |n, &b| n << 8 | u64::from(b));
        let (key, extras, body) = (number(2..4) as usize, usize::from(header[4]), number(8..12) as usize);
        if extras + key > body {
            return Err(format!("a reply of {body} bytes with {extras} of extras and {key} of key"));
        }
        if header[5] != 0 {
            return Err(format!("a reply of data type {}", header[5]));
        }
        let Some(body) = bytes.get(HEADER_LEN..HEADER_LEN + body) else { return Ok(None) };
        Ok(Some(Answer {
            opcode: header[1],
            status: number(6..8) as u16,
            opaque: number(12..16) as u32,
            cas: number(16..24),
            extras: body[..extras].to_vec(),
            key: body[extras..extras + key].to_vec(),
            value: body[extras + key..].to_vec(),
            len: HEADER_LEN + body.len(),
        }))
    }
}
