//! Where the kernel takes a thread's memory from: `set_mempolicy(2)`.
//!
//! Set by a shard's thread before it makes anything. What it reserves keeps the policy whoever touches it first (see
//! `storage/reservation/kernel.rs`); everything else of its is touched by itself.

#![allow(unsafe_code)] // The system call is in no library we use.

use std::io;

/// Bits of a mask of nodes, as the kernel's largest configuration has them.
const NODES_MAX: usize = 1024;
/// Words of such a mask.
const WORDS: usize = NODES_MAX / libc::c_ulong::BITS as usize;

/// Memory comes from these nodes alone: in turn, page by page, if `interleaved`, else the nearest first.
///
/// # Errors
/// `EINVAL` for nodes that are not there; `EPERM` or `ENOSYS` where a sandbox forbids it.
pub fn bind(nodes: &[u32], interleaved: bool) -> io::Result<()> {
    let mut mask = [0 as libc::c_ulong; WORDS];
    for node in nodes {
        let (word, bit) = (*node / libc::c_ulong::BITS, *node % libc::c_ulong::BITS);
        *mask.get_mut(word as usize).ok_or(io::ErrorKind::InvalidInput)? |= 1 << bit;
    }
    let mode = if interleaved { libc::MPOL_INTERLEAVE } else { libc::MPOL_BIND };
    // SAFETY: the mask has as many bits as are told (the kernel counts one more), and is only read.
    let outcome = unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, mask.as_ptr(), NODES_MAX + 1) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every machine with NUMA in its kernel has a node 0.
    #[test]
    fn memory_can_be_bound_to_the_nodes_there_are_and_to_no_other() {
        if !std::path::Path::new("/sys/devices/system/node/node0").exists() {
            println!("skipped: a kernel without NUMA");
            return;
        }
        std::thread::spawn(|| {
            for interleaved in [false, true] {
                bind(&[0], interleaved).expect("node 0");
                assert!(bind(&[1023], interleaved).is_err());
                assert!(bind(&[1024], interleaved).is_err());
            }
        })
        .join()
        .expect("a thread of its own");
    }
}
