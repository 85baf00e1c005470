//! A trace of reads, each miss followed by a write, through a cache too small for it. A plain map is the judge:
//! every hit must be what was last written. The hit ratio is printed, and must be one that a cache can have.

mod support;

use std::collections::HashMap;

use support::{REPLY_WAIT, Random, Server, Shape, each_started, patterned, shown};

const SEED: u64 = 2026;
const REQUESTS: usize = 60_000;
const KEYS: usize = 20_000;
const ZIPF_EXPONENT: f64 = 1.0;

/// One request in this many is a write whether or not the key is there, so that values change.
const WRITE_ONE_IN: u64 = 20;

/// Requests in flight at once. A key appears once in a batch: its judge must know which value was last.
const BATCH: usize = 32;

/// A cache far smaller than the distinct data asked for still holds the popular part of a Zipf trace.
const HIT_RATIO_MIN: f64 = 0.3;

#[test]
fn a_zipf_trace_gets_back_what_was_written() {
    println!("seed {SEED}");
    each_started("trace replay", &[], |shape, server| {
        drop(server);
        let megabytes = if shape == Shape::TwoShards { "16" } else { "8" };
        replay(shape.name(), &Server::start(shape, &["-m", megabytes]));
    });
}

fn replay(shape: &str, server: &Server) {
    let mut random = Random::new(SEED);
    let popularity = Zipf::new(KEYS, ZIPF_EXPONENT);
    let mut connection = server.connect();
    let mut written: HashMap<usize, u64> = HashMap::new();
    let (mut hits, mut misses, mut version) = (0u64, 0u64, 0u64);
    for _ in 0..REQUESTS / BATCH {
        let mut batch: Vec<usize> = (0..BATCH).map(|_| popularity.pick(&mut random)).collect();
        batch.sort_unstable();
        batch.dedup();
        let gets: String = batch.iter().map(|key| format!("get {}\r\n", name(*key))).collect();
        connection.send(gets.as_bytes());
        let mut writes = Vec::new();
        for &key in &batch {
            let found = match connection.line().as_slice() {
                b"END\r\n" => None,
                header => {
                    let header = String::from_utf8_lossy(header).into_owned();
                    let len = header.trim_end().strip_prefix(&format!("VALUE {} 0 ", name(key)));
                    let len: usize = len.and_then(|len| len.parse().ok()).unwrap_or_else(|| panic!("{header}"));
                    let value = connection.try_read(len, REPLY_WAIT).expect("the value");
                    connection.expect(b"\r\nEND\r\n");
                    Some(value)
                }
            };
            if found.is_none() || random.below(WRITE_ONE_IN) == 0 {
                writes.push(key);
            }
            match found {
                Some(value) => {
                    hits += 1;
                    let last = written.get(&key).unwrap_or_else(|| panic!("[{shape}] {key} was never written"));
                    assert!(value == content(key, *last), "[{shape}] {key} is not what was last written");
                }
                None => misses += 1,
            }
        }
        for &key in &writes {
            version += 1;
            let value = content(key, version);
            let head = format!("set {} 0 0 {}\r\n", name(key), value.len());
            connection.send(&[head.as_bytes(), &value, b"\r\n"].concat());
            written.insert(key, version);
        }
        for _ in &writes {
            let reply = connection.line();
            assert!(reply == b"STORED\r\n", "[{shape}] set: {}", shown(&reply));
        }
    }
    let ratio = hits as f64 / (hits + misses) as f64;
    println!("{shape}: hit ratio {ratio:.4} of {} reads", hits + misses);
    assert!(ratio > HIT_RATIO_MIN, "[{shape}] hit ratio {ratio:.4}");
    assert!(misses > 0, "[{shape}] the cache was never too small");
}

fn name(key: usize) -> String {
    format!("trace:{key}")
}

/// The value of a key's version. A key keeps its size more or less, as in real traces.
fn content(key: usize, version: u64) -> Vec<u8> {
    let usual = match Random::new(key as u64).below(200) {
        0 => 30_000,
        1..10 => 5000,
        _ => 50 + key % 1000,
    };
    patterned((key as u64) << 32 | version, usual + version as usize % 8)
}

/// Ranks drawn so that rank r comes with a weight of 1 / (r + 1)^exponent.
struct Zipf {
    cumulative: Vec<f64>,
}

impl Zipf {
    fn new(ranks: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let cumulative = (0..ranks)
            .map(|rank| {
                sum += 1.0 / ((rank + 1) as f64).powf(exponent);
                sum
            })
            .collect();
        Zipf { cumulative }
    }

    fn pick(&self, random: &mut Random) -> usize {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let point = random.unit() * total;
        self.cumulative.partition_point(|&sum| sum <= point).min(self.cumulative.len() - 1)
    }
}
