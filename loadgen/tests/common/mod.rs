//! A slow, obvious server for the commands that ringload sends, over every protocol, which can be told to misbehave.

mod tls;
mod wire;

use std::{
    collections::HashMap,
    io::{BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// How the server misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not at all.
    None,
    /// Now and then an item disappears: allowed.
    Evicts,
    /// Now and then a bit of a value is flipped.
    FlipsBits,
    /// Now and then the value before the last is given.
    GivesOldValues,
    /// A get of several keys is answered from the last key to the first.
    ReversesKeys,
    /// A value is given for the wrong key.
    MixesUpKeys,
    /// Deletes are acknowledged and not done.
    IgnoresDeletes,
    /// Now and then a set is acknowledged and not done.
    LosesWrites,
    /// Now and then a set is acknowledged and done later.
    DelaysWrites,
    /// cas stores whatever the number.
    IgnoresCas,
    /// Now and then the answer is an error line.
    AnswersErrors,
    /// Now and then the answer is no reply at all.
    AnswersNonsense,
    /// Connections are closed after a while.
    ClosesConnections,
    /// No fault, but a thousand commands a second are the most that it can do, whoever asks.
    TakesTime,
}

/// How long a command takes a server that takes time.
const COMMAND_TIME: Duration = Duration::from_millis(1);

struct Item {
    value: Vec<u8>,
    old: Vec<u8>,
    cas: u64,
}

#[derive(Default)]
struct State {
    items: HashMap<Vec<u8>, Item>,
    cas: u64,
    /// A set that was acknowledged and is done with the next one that is delayed.
    delayed: Option<(Vec<u8>, Vec<u8>)>,
}

/// Starts a server; it lives as long as the test's process.
pub fn start(fault: Fault) -> SocketAddr {
    start_with(fault, Some)
}

/// The same, speaking TLS with the certificate of the tests.
pub fn start_tls(fault: Fault) -> SocketAddr {
    let config = tls::config();
    start_with(fault, move |stream| tls::greet(&config, stream))
}

/// Starts a server whose connections begin with `greet`.
fn start_with<S: Read + Write>(
    fault: Fault,
    greet: impl Fn(TcpStream) -> Option<S> + Clone + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let state = Arc::new(Mutex::new(State::default()));
    let commands = Arc::new(AtomicU64::new(0));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (state, commands, greet) = (state.clone(), commands.clone(), greet.clone());
            thread::spawn(move || {
                stream.set_nodelay(true).ok()?;
                serve(greet(stream)?, &state, &commands, fault)
            });
        }
    });
    address
}

/// Serves one connection to its end, whatever ends it.
fn serve(stream: impl Read + Write, state: &Mutex<State>, commands: &AtomicU64, fault: Fault) -> Option<()> {
    let mut input = BufReader::new(stream);
    loop {
        let mut request = wire::read(&mut input)?;
        let value = std::mem::take(&mut request.value);
        let words: Vec<&[u8]> = request.words.iter().map(Vec::as_slice).collect();
        let number = |at: usize| words.get(at).and_then(|w| std::str::from_utf8(w).ok()?.parse::<u64>().ok());

        let output = input.get_mut();
        let count = commands.fetch_add(1, Ordering::Relaxed);
        // A noop closes a group whatever was in it.
        let strikes = count % 97 == 96 && words[0] != b"noop";
        let mut state = state.lock().unwrap();
        match fault {
            Fault::AnswersErrors if strikes => {
                output.write_all(&request.tell(b"SERVER_ERROR not today\r\n".to_vec())).ok()?
            }
            Fault::AnswersNonsense if strikes => output.write_all(b"NONSENSE\r\n").ok()?,
            Fault::ClosesConnections if count > 3000 => return None,
            _ => {
                if fault == Fault::Evicts && strikes {
                    let victim = state.items.keys().next().cloned();
                    victim.map(|key| state.items.remove(&key));
                }
                if fault == Fault::TakesTime {
                    // The lock is held meanwhile.
                    thread::sleep(COMMAND_TIME);
                }
                let reply = state.execute(&words, value, number, strikes, fault);
                // Unlocked while writing: a slow reader holds up nobody.
                drop(state);
                output.write_all(&request.tell(reply)).ok()?;
            }
        }
    }
}

impl State {
    fn execute(
        &mut self,
        words: &[&[u8]],
        value: Vec<u8>,
        number: impl Fn(usize) -> Option<u64>,
        strikes: bool,
        fault: Fault,
    ) -> Vec<u8> {
        let key = words.get(1).copied().unwrap_or_default();
        let present = self.items.contains_key(key);
        let answer: &[u8] = match words[0] {
            b"get" | b"gets" => return self.get(&words[1..], words[0] == b"gets", strikes, fault),
            b"noop" => b"MN",
            b"incrby" => {
                if !present {
                    self.put(key, b"0".to_vec());
                }
                let words = [b"incr".as_slice(), key];
                return self.execute(&words, value, number, strikes, fault);
            }
            b"set" if fault == Fault::LosesWrites && strikes => b"STORED",
            b"set" if fault == Fault::DelaysWrites && strikes => {
                if let Some((key, value)) = self.delayed.replace((key.to_vec(), value)) {
                    self.put(&key, value);
                }
                b"STORED"
            }
            b"set" => {
                self.put(key, value);
                b"STORED"
            }
            b"add" | b"replace" if (words[0] == b"add") != present => {
                self.put(key, value);
                b"STORED"
            }
            b"append" | b"prepend" if present => {
                let before = self.items[key].value.clone();
                let both = if words[0] == b"append" { [before, value] } else { [value, before] };
                self.put(key, both.concat());
                b"STORED"
            }
            b"add" | b"replace" | b"append" | b"prepend" => b"NOT_STORED",
            b"cas" if !present => b"NOT_FOUND",
            b"cas" if number(5) != Some(self.items[key].cas) && fault != Fault::IgnoresCas => b"EXISTS",
            b"cas" => {
                self.put(key, value);
                b"STORED"
            }
            b"delete" if present => {
                if fault != Fault::IgnoresDeletes {
                    self.items.remove(key);
                }
                b"DELETED"
            }
            b"touch" if present => b"TOUCHED",
            b"incr" | b"decr" if present => {
                let text = std::str::from_utf8(&self.items[key].value).ok().and_then(|t| t.parse::<u64>().ok());
                let Some(old) = text else {
                    return b"CLIENT_ERROR cannot increment or decrement non-numeric value\r\n".to_vec();
                };
                let delta = number(2).unwrap_or(0);
                let new = if words[0] == b"incr" { old.wrapping_add(delta) } else { old.saturating_sub(delta) };
                self.put(key, new.to_string().into_bytes());
                return format!("{new}\r\n").into_bytes();
            }
            b"delete" | b"touch" | b"incr" | b"decr" => b"NOT_FOUND",
            _ => b"ERROR",
        };
        [answer, b"\r\n"].concat()
    }

    fn put(&mut self, key: &[u8], value: Vec<u8>) {
        self.cas += 1;
        let old = self.items.remove(key).map(|item| item.value).unwrap_or_default();
        self.items.insert(key.to_vec(), Item { value, old, cas: self.cas });
    }

    fn get(&self, keys: &[&[u8]], with_cas: bool, strikes: bool, fault: Fault) -> Vec<u8> {
        let mut keys = keys.to_vec();
        if fault == Fault::ReversesKeys {
            keys.reverse();
        }
        let mut reply = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            let Some(item) = self.items.get(*key) else { continue };
            let mut value = item.value.clone();
            match fault {
                Fault::FlipsBits if strikes => {
                    if let Some(last) = value.last_mut() {
                        *last ^= 1;
                    }
                }
                Fault::GivesOldValues if strikes => value = item.old.clone(),
                Fault::MixesUpKeys if strikes => {
                    if let Some(other) = keys.get(at + 1).and_then(|key| self.items.get(*key)) {
                        value = other.value.clone();
                    }
                }
                _ => {}
            }
            let cas = if with_cas { format!(" {}", item.cas) } else { String::new() };
            reply.extend([b"VALUE ".as_slice(), key, format!(" 0 {}{cas}\r\n", value.len()).as_bytes()].concat());
            reply.extend([value.as_slice(), b"\r\n"].concat());
        }
        reply.extend(b"END\r\n");
        reply
    }
}
