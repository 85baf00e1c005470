//! Which shard a new connection goes to.
//!
//! The sockets of a `SO_REUSEPORT` group are chosen from by a hash of the connection's addresses. `cpu` replaces
//! that by a classic BPF program which picks the shard of the CPU that handles the packet:
//!
//! ```text
//!   A = cpu;  if A == core of shard 0: return 0;  ...  A %= shards;  return A
//! ```
//!
//! `incoming-cpu` asks the kernel to prefer the socket that is marked with that CPU.

#![allow(unsafe_code)] // Attaching the program is a socket option that takes a pointer.

use std::io;
use std::os::fd::AsRawFd;

use socket2::Socket;

use crate::config::Steering;

/// Most jumps a program may have: the kernel allows 4096 instructions, two for each core and three more.
const CORES_MAX: usize = 2000;

/// Steers connections that arrive at a group of listening sockets, one per shard in order, whose cores are given.
///
/// # Errors
/// What the socket options say; `InvalidInput` for more cores than a program can tell apart.
pub fn steer(sockets: &[Socket], cores: &[usize], steering: Steering) -> io::Result<()> {
    match steering {
        Steering::Hash => Ok(()),
        Steering::Cpu => match sockets.first() {
            Some(first) => attach(first, &program(cores)?),
            None => Ok(()),
        },
        Steering::IncomingCpu => {
            sockets.iter().zip(cores).try_for_each(|(socket, core)| socket.set_cpu_affinity(*core))
        }
    }
}

const LOAD_ABSOLUTE: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const JUMP_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const MODULO: u16 = (libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K) as u16;
const RETURN_CONSTANT: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
/// `BPF_RET` of the accumulator.
const RETURN_A: u16 = libc::BPF_RET as u16 | 0x10;
/// The packet offset at which classic BPF keeps the CPU's number: `SKF_AD_OFF + SKF_AD_CPU`.
const CPU_OFFSET: u32 = (-0x1000i32 + 36) as u32;

fn program(cores: &[usize]) -> io::Result<Vec<libc::sock_filter>> {
    if cores.is_empty() || cores.len() > CORES_MAX {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let step = |code, jf, k| libc::sock_filter { code, jt: 0, jf, k };
    let mut steps = vec![step(LOAD_ABSOLUTE, 0, CPU_OFFSET)];
    for (shard, core) in cores.iter().enumerate() {
        steps.push(step(JUMP_EQUAL, 1, *core as u32));
        steps.push(step(RETURN_CONSTANT, 0, shard as u32));
    }
    steps.push(step(MODULO, 0, cores.len() as u32));
    steps.push(step(RETURN_A, 0, 0));
    Ok(steps)
}

fn attach(socket: &Socket, steps: &[libc::sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_ptr().cast_mut() };
    // SAFETY: the option takes a `sock_fprog` of the given size; the kernel copies its steps, which outlive the
    // call, and writes to neither.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const program).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::listener::listen_tcp;
    use std::net::TcpStream;
    use std::time::{Duration, Instant};

    fn group(n: usize) -> (Vec<Socket>, std::net::SocketAddr) {
        listen_tcp("127.0.0.1:0".parse().expect("address"), n, 64).expect("listen")
    }

    /// The shard whose socket has the next connection.
    fn landed(sockets: &[Socket]) -> usize {
        let deadline = Instant::now() + Duration::from_secs(5);
        sockets.iter().for_each(|socket| socket.set_nonblocking(true).expect("nonblocking"));
        loop {
            if let Some(shard) = sockets.iter().position(|socket| socket.accept().is_ok()) {
                return shard;
            }
            assert!(Instant::now() < deadline, "the connection landed nowhere");
        }
    }

    /// On loopback the CPU is the client's own.
    #[test]
    fn cpu_steering_follows_the_clients_core() {
        let cores = core_affinity::get_core_ids().expect("cores");
        let (sockets, address) = group(2);
        // The shards are in the reverse order of the first two cores, so that a plain modulo would be wrong.
        let ids: Vec<usize> = match cores[..] {
            [a, b, ..] => vec![b.id, a.id],
            [a] => vec![a.id + 1, a.id],
            [] => panic!("no core"),
        };
        steer(&sockets, &ids, Steering::Cpu).expect("attach");
        for core in cores.into_iter().filter(|core| ids.contains(&core.id)) {
            let client = std::thread::spawn(move || {
                assert!(core_affinity::set_for_current(core));
                TcpStream::connect(address).expect("connect")
            });
            let _open = client.join().expect("client");
            assert_eq!(ids[landed(&sockets)], core.id);
        }
    }

    #[test]
    fn incoming_cpu_and_hash_are_accepted_by_the_kernel() {
        for steering in [Steering::Hash, Steering::IncomingCpu] {
            let (sockets, address) = group(2);
            steer(&sockets, &[0, 1], steering).expect("steer");
            let _open = TcpStream::connect(address).expect("connect");
            landed(&sockets);
        }
    }

    #[test]
    fn more_cores_than_a_program_holds_are_refused() {
        assert!(program(&vec![0; CORES_MAX + 1]).is_err());
        assert!(program(&[]).is_err());
        assert!(program(&vec![0; CORES_MAX]).expect("fits").len() <= 4096);
    }
}
