//! A server that no generator keeps busy.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    thread,
};

/// Starts a server that answers every line by a miss, as fast as one can: no generator keeps it busy.
pub fn start_null() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let (mut input, misses) = (vec![0; 256 << 10], b"END\r\n".repeat(256 << 10));
                while let Ok(read @ 1..) = stream.read(&mut input) {
                    let lines = input[..read].iter().filter(|byte| **byte == b'\n').count();
                    if stream.write_all(&misses[..lines * 5]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}
