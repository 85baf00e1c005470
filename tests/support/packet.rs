//! Packets of the binary protocol, built by hand, and what is wanted of their replies.
//!
//! ```text
//!  0        1        2..4     4        5      6..8           8..12     12..16  16..24
//!  magic    opcode   key len  extras   type   status         body len  opaque  cas      extras, key, value
//!                             len             (0 in requests)
//! ```

use std::collections::HashMap;

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
    cas_name: Option<&'static str>,
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

    /// The CAS number to compare with: one that a [`Want`] has remembered.
    pub fn cas_of(mut self, name: &'static str) -> Self {
        self.cas_name = Some(name);
        self
    }

    /// Puts in the remembered number.
    ///
    /// # Errors
    /// It is not known.
    pub fn filled(mut self, numbers: &HashMap<String, Vec<u8>>) -> Result<Self, String> {
        if let Some(name) = self.cas_name {
            let number = numbers.get(name).ok_or(format!("{name} is not known yet"))?;
            self.cas = String::from_utf8_lossy(number).parse().map_err(|_| format!("{name} is no number"))?;
        }
        Ok(self)
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

/// What a reply carries as its CAS number.
#[derive(Clone, Copy, Debug)]
enum WantCas {
    /// 0.
    None,
    /// Any other.
    Some,
    /// The number remembered under this name, or a new one to remember.
    Named(&'static str),
}

/// What is wanted of one reply.
#[derive(Clone, Debug)]
pub struct Want {
    opcode: u8,
    status: u16,
    opaque: u32,
    extras: Vec<u8>,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
    cas: WantCas,
}

/// Wants an empty success without CAS number.
pub fn want(opcode: u8) -> Want {
    Want { opcode, status: 0, opaque: 0, extras: vec![], key: vec![], value: Some(vec![]), cas: WantCas::None }
}

/// Wants a refusal: its status and words.
pub fn refusal(opcode: u8, status: u16, words: &str) -> Want {
    Want { status, ..want(opcode) }.value(words)
}

impl Want {
    /// This opaque.
    pub fn opaque(mut self, opaque: u32) -> Self {
        self.opaque = opaque;
        self
    }

    /// These extras.
    pub fn extras(mut self, extras: impl AsRef<[u8]>) -> Self {
        self.extras = extras.as_ref().to_vec();
        self
    }

    /// The extras of a hit: these client flags.
    pub fn flags(self, flags: u32) -> Self {
        self.extras(flags.to_be_bytes())
    }

    /// This key.
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.key = key.as_ref().to_vec();
        self
    }

    /// This value.
    pub fn value(mut self, value: impl AsRef<[u8]>) -> Self {
        self.value = Some(value.as_ref().to_vec());
        self
    }

    /// A counter's value.
    pub fn number(self, number: u64) -> Self {
        self.value(number.to_be_bytes())
    }

    /// Any value.
    pub fn any_value(mut self) -> Self {
        self.value = None;
        self
    }

    /// A CAS number.
    pub fn some_cas(mut self) -> Self {
        self.cas = WantCas::Some;
        self
    }

    /// The CAS number remembered under this name, or a new one to remember.
    pub fn cas(mut self, name: &'static str) -> Self {
        self.cas = WantCas::Named(name);
        self
    }

    /// Compares a reply with what is wanted, and remembers its CAS number.
    ///
    /// # Errors
    /// What differs, in words.
    pub fn check(&self, got: &Answer, numbers: &mut HashMap<String, Vec<u8>>) -> Result<(), String> {
        let number = got.cas.to_string().into_bytes();
        let cas = match self.cas {
            WantCas::None => got.cas == 0,
            WantCas::Some => got.cas != 0,
            WantCas::Named(name) => got.cas != 0 && *numbers.entry(name.to_owned()).or_insert(number.clone()) == number,
        };
        let value = self.value.as_ref().is_none_or(|value| *value == got.value);
        let header = (self.opcode, self.status, self.opaque) == (got.opcode, got.status, got.opaque);
        if cas && value && header && self.extras == got.extras && self.key == got.key {
            return Ok(());
        }
        Err(format!("wanted {self:?}, received {got:?}"))
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
