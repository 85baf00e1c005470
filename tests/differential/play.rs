//! Plays a stream on a server and brings its replies into a form that can be compared.

use std::collections::HashMap;
use std::time::Duration;

use super::judge::{Reply, binary_reply, text_reply};
use super::stream::{CasForm, Piece, Protocol, Stream, Write};
use super::support::{Address, Connection, poll_for};

/// How long a fence is waited for before another one is sent: what came before may have swallowed it.
const FENCE_WAIT: Duration = Duration::from_secs(2);

/// Fences in all, after which the server counts as hung.
const FENCES_MAX: u32 = 2;

/// The number that stands for a CAS number nobody has told yet.
const CAS_UNKNOWN: u64 = 7;

/// What was learnt of CAS numbers in one stream on one server.
#[derive(Default)]
pub struct Learned {
    names: HashMap<u64, usize>,
    by_key: HashMap<Vec<u8>, Vec<u64>>,
}

impl Learned {
    /// The number's name: the order of its first appearance; the bounds are their own.
    pub fn name(&mut self, cas: u64) -> String {
        if cas == 0 || cas == u64::MAX {
            return cas.to_string();
        }
        let next = self.names.len();
        format!("#{}", self.names.entry(cas).or_insert(next))
    }

    /// Remembers the number for its key.
    pub fn learn(&mut self, key: &[u8], cas: u64) {
        let seen = self.by_key.entry(key.to_vec()).or_default();
        if seen.last() != Some(&cas) {
            seen.push(cas);
        }
    }

    fn cas(&self, key: &[u8], age: usize) -> u64 {
        self.by_key.get(key).and_then(|seen| seen.iter().rev().nth(age)).copied().unwrap_or(CAS_UNKNOWN)
    }
}

/// What came back for each write.
pub type Replies = Vec<Reply>;

/// Plays the stream on a new connection, over an emptied cache.
pub fn play(address: &Address, stream: &Stream) -> Result<Replies, String> {
    let mut connection = connect(address)?;
    connection.talk(b"flush_all\r\n", b"OK\r\n");
    if stream.protocol == Protocol::Binary {
        // The protocol is told by a connection's first byte.
        connection = connect(address)?;
    }
    let mut learned = Learned::default();
    let mut fences = 0;
    let mut replies = Vec::new();
    for write in &stream.writes {
        let bytes = filled(write, &learned);
        let (raw, closed) = exchange(&mut connection, stream.protocol, write, &bytes, &mut fences)?;
        if closed {
            connection = connect(address)?;
        }
        replies.push(match stream.protocol {
            Protocol::Text => text_reply(&raw, closed, &mut learned),
            Protocol::Binary => binary_reply(&raw, closed, &bytes, &mut learned),
        });
    }
    Ok(replies)
}

fn connect(address: &Address) -> Result<Connection, String> {
    poll_for(Duration::from_secs(5), || address.connect().ok()).ok_or(format!("cannot connect to {address:?}"))
}

/// The bytes of a write, with the server's own CAS numbers put in.
pub fn filled(write: &Write, learned: &Learned) -> Vec<u8> {
    let mut bytes = Vec::new();
    for piece in write.commands.iter().flat_map(|command| &command.pieces) {
        match piece {
            Piece::Bytes(literal) => bytes.extend_from_slice(literal),
            Piece::Cas { key, age, form: CasForm::Text } => bytes.extend(learned.cas(key, *age).to_string().bytes()),
            Piece::Cas { key, age, form: CasForm::Binary } => bytes.extend(learned.cas(key, *age).to_be_bytes()),
        }
    }
    bytes
}

/// A fence and its answer, which nothing else looks like.
fn fence(protocol: Protocol, number: u32) -> (Vec<u8>, Vec<u8>) {
    match protocol {
        Protocol::Text => (format!("mg fence:{number} k\r\n").into(), format!("EN kfence:{number}\r\n").into()),
        Protocol::Binary => {
            let packet = |magic: u8| {
                let mut packet = vec![0; 24];
                (packet[0], packet[1]) = (magic, 0x0a);
                packet[12..16].copy_from_slice(&(0xfe00_0000 | number).to_be_bytes());
                packet
            };
            (packet(0x80), packet(0x81))
        }
    }
}

/// Sends a write and its fence, and receives what comes up to the fence's answer, or to the end.
fn exchange(
    connection: &mut Connection,
    protocol: Protocol,
    write: &Write,
    bytes: &[u8],
    fences: &mut u32,
) -> Result<(Vec<u8>, bool), String> {
    let mut wire = bytes.to_vec();
    let mut sent = Vec::new();
    let mut fence_again = |wire: &mut Vec<u8>, sent: &mut Vec<Vec<u8>>| {
        *fences += 1;
        let (ask, answer) = fence(protocol, *fences);
        wire.extend(ask);
        sent.push(answer);
    };
    if !write.closes() {
        fence_again(&mut wire, &mut sent);
        if write.permit() != super::stream::Permit::Nothing {
            // The first one may be swallowed.
            fence_again(&mut wire, &mut sent);
        }
    }
    let cut = if write.cut == 0 { wire.len() } else { write.cut };
    for piece in wire.chunks(cut.max(1)) {
        // A server that closes in between is seen by the receiving side.
        if connection.try_send(piece).is_err() {
            break;
        }
    }
    let mut again = 0;
    loop {
        let last = sent.last();
        if last.is_some_and(|answer| connection.unread().ends_with(answer)) {
            let mut raw = connection.unread().to_vec();
            connection.consume(raw.len());
            // Of the fences only the first tells anything: whether it was swallowed.
            for answer in sent[1..].iter().rev() {
                if raw.ends_with(answer) {
                    raw.truncate(raw.len() - answer.len());
                }
            }
            if raw.ends_with(&sent[0]) {
                raw.truncate(raw.len() - sent[0].len());
            } else {
                raw.extend_from_slice(b"<the fence was swallowed>");
            }
            return Ok((raw, false));
        }
        match connection.receive(FENCE_WAIT) {
            Ok(0) => return Ok((connection.unread().to_vec(), true)),
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => {
                return Ok((connection.unread().to_vec(), true));
            }
            Err(_) if again < FENCES_MAX => {
                again += 1;
                let mut more = Vec::new();
                fence_again(&mut more, &mut sent);
                let _ = connection.try_send(&more);
            }
            Err(e) => {
                return Err(format!("no answer to the fences ({e}), only {}", super::shown_all(connection.unread())));
            }
        }
    }
}
