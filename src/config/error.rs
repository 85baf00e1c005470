//! Everything that keeps the server from starting, each in words: what is wrong, by which figures, how to mend it.

use std::path::PathBuf;

/// Why the server cannot start as configured.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    // The configuration itself.
    /// The file cannot be read or understood.
    #[error("the configuration file {} cannot be used: {}", path.display(), cause.trim_end())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and key where there is one.
        cause: String,
    },
    /// A size is malformed.
    #[error("{option}: {text:?} is not a size: {reason}")]
    Size {
        /// The flag.
        option: &'static str,
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A value is outside its bounds.
    #[error("{option}: {value} is out of bounds; give {min} to {max}")]
    OutOfBounds {
        /// The flag.
        option: &'static str,
        /// What was given.
        value: String,
        /// The lowest value.
        min: String,
        /// The highest value.
        max: String,
    },
    /// The kernel tells of no nodes.
    #[error("--numa: this kernel tells of no NUMA nodes (/sys/devices/system/node is not there); use --numa off")]
    NumaUnknown,
    /// A core belongs to no node.
    #[error("--numa local: core {core} belongs to no NUMA node that the kernel tells of; use --numa off")]
    CoreWithoutNode {
        /// The core.
        core: usize,
    },
    /// A node has less memory than its shards are to use.
    #[error(
        "--numa local: the {shards} shard(s) of node {node} are to use {needed}, and it has {has}; lower -m, spread \
         --cores over the nodes, or use --numa interleave"
    )]
    NodeTooSmall {
        /// The node's number.
        node: u32,
        /// Shards on its cores.
        shards: usize,
        /// What they are to use together.
        needed: String,
        /// What it has.
        has: String,
    },
    /// Shards cannot have ports of their own where nothing is listened on.
    #[error("--per-shard-ports: no TCP address is listened on; give one by -l, or leave the flag away")]
    PerShardPortsWithoutTcp,
    /// A port is a shard's and everybody's.
    #[error(
        "--per-shard-ports: {address} is listened on anyway, and {first} to {last} would be the shards'; give another port"
    )]
    PerShardPortsTaken {
        /// The first shard's port.
        first: u16,
        /// The last shard's port.
        last: u16,
        /// The address whose port is among them.
        address: std::net::SocketAddr,
    },
    /// The control core is not ours.
    #[error("--control-core: core {core} is not among those that the process may use ({allowed})")]
    ControlCoreNotAllowed {
        /// The core.
        core: usize,
        /// The allowed ones.
        allowed: String,
    },
    /// A core is to carry a shard and everything else.
    #[error("--control-core: core {core} is in --cores, too; a core carries a shard or everything else")]
    ControlCoreTaken {
        /// The core.
        core: usize,
    },
    /// No core is left for a shard.
    #[error(
        "--control-core: core {core} is the only one that the process may use, and a shard takes one; leave the flag away"
    )]
    ControlCoreOnly {
        /// The core.
        core: usize,
    },
    /// The unix socket's permissions are malformed.
    #[error("-a/--unix-mask: {text:?} is not a set of permissions; give octal digits up to 777, such as 700")]
    UnixMask {
        /// What was given.
        text: String,
    },
    /// The delimiter of key prefixes is not one byte.
    #[error(
        "-D/--delimiter: {text:?} is not one ASCII character; give the one that ends the prefix of a key, such as :"
    )]
    Delimiter {
        /// What was given.
        text: String,
    },
    /// An option of `-o` that memcached does not have either.
    #[error("-o/--extended: there is no option {text:?}; --help lists those there are")]
    ExtendedUnknown {
        /// What was given.
        text: String,
    },
    /// An option of `-o` that memcached has and that is refused here.
    #[error("-o/--extended: memcached's {name} does not exist here: {why}")]
    ExtendedRefused {
        /// The option.
        name: String,
        /// The reason, and what to do.
        why: &'static str,
    },
    /// An option of `-o` with a value that it cannot have.
    #[error("-o/--extended: {text:?}: {reason}")]
    ExtendedValue {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An option of `-o` with something else than a number in bounds.
    #[error("-o/--extended: {text:?}: give a whole number of at most {max}")]
    ExtendedBounds {
        /// What was given.
        text: String,
        /// The highest value.
        max: u32,
    },
    /// UDP was asked for.
    #[error(
        "-U/--udp-port: UDP is not served, since a small forged request would be answered by a large reply sent to \
         its victim (amplification); use TCP, and leave -U away or give 0"
    )]
    Udp,

    // Addresses.
    /// An address is malformed.
    #[error("-l/--listen: {text:?} is not an address: {reason}")]
    Address {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A host name has no address.
    #[error("-l/--listen: the host name {name:?} cannot be resolved ({cause}); give its address")]
    HostName {
        /// The name.
        name: String,
        /// What the resolver said.
        cause: String,
    },
    /// A service manager listens already, and a flag says where or how to.
    #[error(
        "{flag} and sockets of the service manager (LISTEN_FDS) exclude each other; say it in the socket unit \
         (ListenStream=, SocketMode=, Backlog=) and leave the flag away, or disable the socket unit"
    )]
    Activated {
        /// The flag.
        flag: &'static str,
    },
    /// The same address is given twice.
    #[error("-l/--listen: {address} is given twice; give it once, every shard listens on it anyway")]
    AddressTwice {
        /// The address and port.
        address: String,
    },
    /// TCP is off, but an address with a port asks for it.
    #[error("-p 0 turns TCP off, but --listen {address} asks for it; drop one of the two")]
    TcpOffButListening {
        /// The address and port.
        address: String,
    },
    /// Neither TCP nor a unix socket.
    #[error("nothing to listen on: -p 0 turns TCP off and there is no unix socket; add -s PATH, or drop -p 0")]
    NoListener,

    // Cores.
    /// A core list is malformed.
    #[error("--cores: {text:?} is not a list of cores: {reason}")]
    CoreList {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A core is listed twice.
    #[error("--cores: core {core} is in {text:?} twice; a core carries one shard")]
    CoreTwice {
        /// The core.
        core: usize,
        /// What was given.
        text: String,
    },
    /// The process may not run on a core.
    #[error(
        "--cores: core {core} is not allowed: this process may run on {allowed}; choose among these, or widen its \
         affinity (taskset, the cgroup's cpuset, Docker's --cpuset-cpus)"
    )]
    CoreNotAllowed {
        /// The core.
        core: usize,
        /// The allowed ones.
        allowed: String,
    },
    /// More threads than allowed cores.
    #[error(
        "-t/--threads: {threads} threads on {available} allowed cores ({allowed}): each thread needs a core of its \
         own; give at most {available}, or leave -t away to use them all"
    )]
    TooManyThreads {
        /// What was given.
        threads: usize,
        /// How many cores there are.
        available: usize,
        /// Which.
        allowed: String,
    },
    /// No thread at all.
    #[error("-t/--threads: 0 threads would serve nobody; give at least 1")]
    NoThreads,
    /// Two answers to one question.
    #[error("-t/--threads and --cores both say where to run; give one of them")]
    ThreadsAndCores,
    /// The kernel does not tell the allowed cores.
    #[error("the cores that this process may use cannot be read (sched_getaffinity failed)")]
    AffinityUnknown,

    // Memory and items.
    /// Less than one shard needs.
    #[error(
        "-m/--memory-limit: {given} is less than the {needed} that one shard needs; give at least -m {}",
        needed_mib
    )]
    MemoryTooSmall {
        /// What was given.
        given: String,
        /// What one shard needs.
        needed: String,
        /// The same in MiB.
        needed_mib: u64,
    },
    /// More than the machine has.
    #[error(
        "-m/--memory-limit: {given} is more than the {available} there are ({source_of_limit}); give less, or raise that"
    )]
    MemoryOverMachine {
        /// What was given.
        given: String,
        /// What there is.
        available: String,
        /// What bounds it: the machine, or a file of the cgroup.
        source_of_limit: String,
    },
    /// More than a shard can address.
    #[error(
        "-m/--memory-limit: {given} over {shards} shards is {per_shard} each, and a shard addresses at most {max}; \
         use more cores, or give at most {total_max}"
    )]
    MemoryOverShard {
        /// What was given.
        given: String,
        /// Over how many.
        shards: usize,
        /// What each would get.
        per_shard: String,
        /// The most that one can use.
        max: String,
        /// The most that all can use.
        total_max: String,
    },
    /// An item as large as half a shard.
    #[error(
        "-I/--max-item-size: {given} is more than half of a shard's {per_shard}; give at most {half}, raise -m, or use \
         fewer cores"
    )]
    ItemOverShard {
        /// What was given.
        given: String,
        /// A shard's memory.
        per_shard: String,
        /// The largest that would do.
        half: String,
    },

    // The process.
    /// The user does not exist.
    #[error("-u/--user: there is no user {name:?} on this machine; create it, or name another")]
    NoSuchUser {
        /// The name.
        name: String,
    },
    /// The user's entry cannot be read.
    #[error("-u/--user: looking up {name:?} failed: {cause}")]
    UserLookup {
        /// The name.
        name: String,
        /// What the system said.
        cause: String,
    },
    /// Becoming the user failed.
    #[error("-u/--user: becoming {name:?} failed at {step}: {cause}; start as root, or as {name} without -u")]
    DropPrivileges {
        /// The user.
        name: String,
        /// The call that failed.
        step: &'static str,
        /// What the system said.
        cause: String,
    },
    /// The process's number cannot be written.
    #[error("-P/--pidfile: {} cannot be written: {cause}; choose a path in a directory that this user may write to", path.display())]
    PidFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },

    // The host.
    /// The kernel is too old.
    #[error("the kernel is {release}, and io_uring is used as of {needed}; upgrade the kernel")]
    KernelTooOld {
        /// What runs.
        release: String,
        /// What is needed.
        needed: String,
    },
    /// io_uring is switched off for all.
    #[error(
        "io_uring is switched off on this machine (kernel.io_uring_disabled = 2); mend: sysctl -w kernel.io_uring_disabled=0"
    )]
    IoUringDisabled,
    /// io_uring is switched off for this user.
    #[error(
        "io_uring is kept to privileged users on this machine (kernel.io_uring_disabled = 1); mend: sysctl -w \
         kernel.io_uring_disabled=0, or add this user to the group of kernel.io_uring_group"
    )]
    IoUringPrivileged,
    /// io_uring is refused, most likely by a container.
    #[error(
        "the kernel refuses io_uring ({cause}), most likely by a seccomp filter: Docker's and Podman's default profile \
         does so; run the container with a profile that allows io_uring_setup, io_uring_enter and io_uring_register \
         (or --security-opt seccomp=unconfined), and in systemd check SystemCallFilter="
    )]
    IoUringRefused {
        /// What the system said.
        cause: String,
    },
    /// io_uring fails otherwise.
    #[error(
        "io_uring cannot be set up: {cause}; with ENOMEM raise the limit on locked memory (ulimit -l), with EINVAL upgrade the kernel"
    )]
    IoUringFails {
        /// What the system said.
        cause: String,
    },
    /// The limit on locked memory is too low.
    #[error(
        "the limit on locked memory is {limit_kib} KiB, and io_uring needs {needed_kib} KiB; mend: ulimit -l {needed_kib} \
         (as root), LimitMEMLOCK=infinity in systemd, --ulimit memlock=-1 in Docker"
    )]
    Memlock {
        /// The hard limit, in KiB.
        limit_kib: u64,
        /// What is needed, in KiB.
        needed_kib: u64,
    },
    /// `-k` was given, and what may be locked is limited.
    #[error(
        "-k/--lock-memory: only {limit_kib} KiB may be locked, and the address space that is reserved for items counts \
         in full; mend: ulimit -l unlimited (as root), LimitMEMLOCK=infinity in systemd, --ulimit memlock=-1 in \
         Docker; or leave -k away and turn swap off for the service (MemorySwapMax=0)"
    )]
    LockLimit {
        /// The hard limit, in KiB.
        limit_kib: u64,
    },
    /// `-k` was given, and the kernel does not lock.
    #[error(
        "-k/--lock-memory: the kernel refuses to lock memory: {cause}; start as root, or leave -k away and turn swap \
         off for the service (MemorySwapMax=0)"
    )]
    LockRefused {
        /// What the system said.
        cause: String,
    },
    /// `-r` was given, and no core file may be written.
    #[error(
        "-r/--enable-coredumps: the hard limit on core files is 0; mend: ulimit -Hc unlimited (as root), \
         LimitCORE=infinity in systemd, or leave -r away"
    )]
    NoCoreFiles,
    /// `-L` was given, and there are no large pages.
    #[error(
        "-L/--enable-largepages: the kernel has large pages off ({path} says {state:?}); mend: echo madvise > {path} (as \
         root), or leave -L away"
    )]
    NoLargePages {
        /// The kernel's switch.
        path: String,
        /// What it says.
        state: String,
    },
    /// The limit on open files is too low.
    #[error(
        "the limit on open files is {limit}, and {needed} are needed: -c {conn_limit} connections and {own} of the \
         server's own; mend: ulimit -n {needed} (as root), LimitNOFILE={needed} in systemd, or give {}", advise_connections(*limit, *own)
    )]
    OpenFiles {
        /// The hard limit.
        limit: u64,
        /// What is needed.
        needed: u64,
        /// Connections that were asked for.
        conn_limit: usize,
        /// The server's own files.
        own: u64,
    },
    /// A limit of the process cannot be read or raised.
    #[error("the limit {limit} of this process cannot be read or raised: {cause}")]
    Limit {
        /// Which.
        limit: &'static str,
        /// What the system said.
        cause: String,
    },

    // Binding.
    /// Somebody listens there already.
    #[error(
        "{address} is in use; another server runs there (find it: ss -ltnp, or for a unix socket ss -lxp): stop it, or \
         choose another by -p, -l or -s"
    )]
    AddressInUse {
        /// The address, or the socket's path.
        address: String,
    },
    /// A port below 1024, or a directory that may not be written to.
    #[error(
        "listening on {address} is not permitted; choose a port of 1024 or above (for a unix socket: a directory that \
         this user may write to), or grant CAP_NET_BIND_SERVICE"
    )]
    AddressNotPermitted {
        /// The address, or the socket's path.
        address: String,
    },
    /// No interface has the address.
    #[error("{address} is not an address of this machine (see: ip addr); choose one of its own, or * for all")]
    AddressNotHere {
        /// The address.
        address: String,
    },
    /// Binding fails otherwise.
    #[error("listening on {address} failed: {cause}")]
    Bind {
        /// The address, or the socket's path.
        address: String,
        /// What the system said.
        cause: String,
    },
}

fn advise_connections(limit: u64, own: u64) -> String {
    match limit.checked_sub(own) {
        Some(connections) if connections > 0 => format!("-c {connections} or less"),
        _ => "fewer cores".to_owned(),
    }
}
