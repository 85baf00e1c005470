//! Streams of commands: what is sent, cut into writes. The generators make them, the player plays them, the
//! shrinker shortens them.

use super::support::Random;

/// A piece of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Sent as it is.
    Bytes(Vec<u8>),
    /// The CAS number that a server told last for the key, or the one before it (`age` 1); each server has its own.
    Cas { key: Vec<u8>, age: usize, form: CasForm },
}

/// How a CAS number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CasForm {
    /// Decimal digits.
    Text,
    /// Eight bytes, the highest first.
    Binary,
}

/// What a reply may differ in, besides what the judge permits everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Nothing.
    Nothing,
    /// `ERROR` lines: memcached runs what is left of a refused value as commands, how much of it depends on where
    /// its reads end.
    ErrorLines,
    /// What memcached before 1.6.45 says to a malformed line, this and nothing else, stands for the one line of 1.6.45.
    Malformed(&'static str),
}

/// One command, or what is meant to look like one.
#[derive(Clone, Debug)]
pub struct Command {
    pub pieces: Vec<Piece>,
    pub permit: Permit,
    /// The server closes after it; nothing may follow.
    pub closes: bool,
    /// It begins a write.
    pub first: bool,
}

impl Command {
    /// A command of plain bytes.
    pub fn plain(bytes: impl AsRef<[u8]>) -> Self {
        Command {
            pieces: vec![Piece::Bytes(bytes.as_ref().to_vec())],
            permit: Permit::Nothing,
            closes: false,
            first: false,
        }
    }

    /// An empty command to which pieces are added.
    pub fn new() -> Self {
        Command { pieces: Vec::new(), permit: Permit::Nothing, closes: false, first: false }
    }

    /// Adds bytes.
    pub fn add(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        match self.pieces.last_mut() {
            Some(Piece::Bytes(last)) => last.extend_from_slice(bytes.as_ref()),
            _ => self.pieces.push(Piece::Bytes(bytes.as_ref().to_vec())),
        }
        self
    }

    /// Adds a CAS number of the key.
    pub fn add_cas(&mut self, key: &[u8], age: usize, form: CasForm) -> &mut Self {
        self.pieces.push(Piece::Cas { key: key.to_vec(), age, form });
        self
    }

    /// Sets what its reply may differ in. Such a command has a write of its own.
    pub fn permit(mut self, permit: Permit) -> Self {
        self.permit = permit;
        self
    }

    /// Lets it begin a write. memcached counts in place, with spaces behind a number that has become shorter, unless
    /// a reply that has not gone out yet still holds the item.
    pub fn first(mut self) -> Self {
        self.first = true;
        self
    }

    /// Says that the server closes after it.
    pub fn closes(mut self) -> Self {
        self.closes = true;
        self
    }
}

/// Commands that are sent at once; a fence follows them.
#[derive(Clone, Debug)]
pub struct Write {
    pub commands: Vec<Command>,
    /// Bytes per system call; 0 is all at once.
    pub cut: usize,
}

impl Write {
    /// What the reply may differ in.
    pub fn permit(&self) -> Permit {
        self.commands.iter().map(|command| command.permit).find(|p| *p != Permit::Nothing).unwrap_or(Permit::Nothing)
    }

    /// Whether the server closes after it.
    pub fn closes(&self) -> bool {
        self.commands.iter().any(|command| command.closes)
    }
}

/// The protocol a stream is in: how its fences and replies look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Classic and meta commands.
    Text,
    /// Packets.
    Binary,
}

/// All that is sent on one connection (a new one after a close).
#[derive(Clone, Debug)]
pub struct Stream {
    pub protocol: Protocol,
    pub writes: Vec<Write>,
}

impl Stream {
    /// `writes` writes of commands made by `command`.
    pub fn generate(
        protocol: Protocol,
        random: &mut Random,
        writes: usize,
        mut command: impl FnMut(&mut Random) -> Command,
    ) -> Self {
        /// Commands of one write.
        const PIPELINE_MAX: u64 = 6;
        /// Writes up to this length may be dribbled byte by byte.
        const DRIBBLE_LEN_MAX: usize = 400;
        let mut stream = Stream { protocol, writes: Vec::new() };
        while stream.writes.len() < writes {
            let wanted = 1 + random.below(PIPELINE_MAX);
            let mut commands = Vec::new();
            for _ in 0..wanted {
                let next = command(random);
                let alone = next.permit != Permit::Nothing || next.closes;
                if (alone || next.first) && !commands.is_empty() {
                    stream.writes.push(Write { commands: std::mem::take(&mut commands), cut: 0 });
                }
                commands.push(next);
                if alone {
                    break;
                }
            }
            let mut write = Write { commands, cut: 0 };
            let steady = write.permit() == Permit::Nothing;
            write.cut = match random.below(8) {
                0 if steady && write.len() <= DRIBBLE_LEN_MAX => 1,
                1 if steady && write.len() <= DRIBBLE_LEN_MAX * 10 => 13,
                2 if steady => 4099,
                _ => 0,
            };
            stream.writes.push(write);
        }
        stream
    }
}

impl Write {
    fn len(&self) -> usize {
        let len = |piece: &Piece| match piece {
            Piece::Bytes(bytes) => bytes.len(),
            Piece::Cas { .. } => 20,
        };
        self.commands.iter().flat_map(|command| &command.pieces).map(len).sum()
    }
}

/// Choices that all generators make.
pub trait Choose {
    /// One of them.
    fn one<T: Clone>(&mut self, of: &[T]) -> T;
    /// True once in `n` times.
    fn rarely(&mut self, n: u64) -> bool;
}

impl Choose for Random {
    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize].clone()
    }

    fn rarely(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}
