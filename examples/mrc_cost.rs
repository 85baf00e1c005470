use ahash::RandomState;
use ringcached::{clock::Seconds, storage::*};
fn main() {
    let a: Vec<u64> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let (mib, keys, len, n) = (a[0] as usize, a[1], a[2] as usize, a[3]);
    let config = StoreConfig { huge_pages: false, ..StoreConfig::new(mib << 20) };
    let mut store = Store::new(config, RandomState::with_seeds(1, 2, 3, 4)).unwrap();
    let value = vec![7u8; len];
    let mut x = 88172645463325252u64;
    let mut misses = 0;
    for i in 0..n {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        let u = (x >> 11) as f64 / (1u64 << 53) as f64;
        let k = (u * u * u * keys as f64) as u64;
        let key = k.to_le_bytes();
        let hash = store.hash(&key);
        if store.get(hash, &key, Seconds(10)).is_none() {
            misses += 1;
            let _ = store.set(hash, &key, SetArgs::new(SetMode::Set, Source::Inline(&value)), Seconds(10));
        }
        if i % 64 == 0 {
            store.maintain(Seconds(10));
        }
    }
    println!("misses {misses} sampled {}", store.miss_ratio_curve(Seconds(10)).sampled_items);
}
