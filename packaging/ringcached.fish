complete -c ringcached -s p -l port -d 'TCP port; 0 turns TCP off, -1 lets the kernel choose [default: 11211]' -r
complete -c ringcached -s l -l listen -d 'Address to listen on: addr, addr:port, [v6]:port or * for every IPv4 one; repeatable, or separated by commas [default: 127.0.0.1]' -r
complete -c ringcached -s s -l unix-socket -d 'Unix socket to listen on, beside TCP (-p 0 for it alone) [default: none]' -r -F
complete -c ringcached -s a -l unix-mask -d 'Permissions of the unix socket, in octal [default: 700]' -r
complete -c ringcached -s U -l udp-port -d 'UDP port; only 0, off, is accepted [default: 0]' -r
complete -c ringcached -s c -l conn-limit -d 'Connections that may be open at once [default: 1024]' -r
complete -c ringcached -s b -l listen-backlog -d 'Connections that the kernel holds until they are accepted [default: 1024]' -r
complete -c ringcached -s B -l protocol -d 'Protocols that a connection may speak [default: auto]' -r -f -a "auto\t'Each; a connection\'s first byte tells which it speaks'
ascii\t'Text and meta'
binary\t'Binary'"
complete -c ringcached -s R -l max-reqs-per-event -d 'Commands of one connection that are executed before others have their turn [default: 1024]' -r
complete -c ringcached -s m -l memory-limit -d 'Memory of all shards together: MiB, or with a suffix as in 512m or 4g [default: 64 MiB per shard]' -r
complete -c ringcached -s I -l max-item-size -d 'Largest item: bytes, or with a suffix; 1k to 1g [default: 1m]' -r
complete -c ringcached -s M -l disable-evictions -d 'Answer with an error when memory is full instead of evicting [default: false]' -r -f -a "true\t''
false\t''"
complete -c ringcached -l eviction -d 'Which items leave first when memory is full [default: duel]' -r -f -a "duel\t'Whichever of the other two would miss less, tried out on a sample of the keys, for items of each size that there are many of; slow to notice what holds only for minutes'
s3fifo\t'What is not read while a tenth of its slab class is replaced: items asked for once leave early and a scan spares the rest, but what is first read again later than that has to be stored twice before it stays'
clock\t'What is not read for a full round over its slab class: kind to late and to moving reuse, but a scan pushes out what is read seldom'"
complete -c ringcached -s L -l enable-largepages -d 'Refuse to start where the kernel gives no large pages, which are asked for in any case [default: false]' -r -f -a "true\t''
false\t''"
complete -c ringcached -s k -l lock-memory -d 'Keep memory from being swapped out; needs an unlimited RLIMIT_MEMLOCK [default: false]' -r -f -a "true\t''
false\t''"
complete -c ringcached -l compress -d 'Compress values: lz4, zstd, or zstd:dict, by a dictionary trained from what comes in [default: off]' -r -f -a "off\t'Not at all'
lz4\t'By LZ4'
zstd\t'By Zstandard'
zstd:dict\t'By Zstandard, with a dictionary trained from the values that come in'"
complete -c ringcached -l compress-min -d 'Shortest value that is compressed: bytes, or with a suffix [default: 1024 with lz4, 512 with zstd, 128 with zstd:dict]' -r
complete -c ringcached -s A -l enable-shutdown -d 'Allow the shutdown command [default: false]' -r -f -a "true\t''
false\t''"
complete -c ringcached -s W -l disable-watch -d 'Refuse the watch command [default: false]' -r -f -a "true\t''
false\t''"
complete -c ringcached -s X -l disable-dumping -d 'Refuse the commands that list keys: stats cachedump, stats detail, lru_crawler metadump and mgdump [default: false]' -r -f -a "true\t''
false\t''"
complete -c ringcached -s D -l delimiter -d 'What ends the prefix of a key in stats detail, which it turns on from the start [default: :, off]' -r
complete -c ringcached -s F -l disable-flush-all -d 'Refuse the flush_all command [default: false]' -r -f -a "true\t''
false\t''"
complete -c ringcached -s t -l threads -d 'Shards, one on each of the first NUM allowed cores [default: every allowed core]' -r
complete -c ringcached -l cores -d 'Cores that carry a shard each, such as 0-3,6 [default: every allowed core]' -r
complete -c ringcached -l steering -d 'How new connections are spread over the shards [default: hash]' -r -f -a "hash\t'By a hash of its addresses and ports: even, blind to where packets arrive'
cpu\t'By the CPU that handles its packets: the work stays on one core, as even as the network card\'s queues'
incoming-cpu\t'By each listener\'s preferred CPU: as `cpu`, and falls back to the hash where no listener claims the CPU'"
complete -c ringcached -l numa -d 'Which NUMA nodes\' memory shards use [default: local where there are several nodes, else off]' -r -f -a "local\t'That of the node of the shard\'s core, and no other'
interleave\t'That of all nodes in turn, page by page: as slow for one shard as for another'
off\t'What the kernel gives: as a rule that of the node whose core touches it first'"
complete -c ringcached -l per-shard-ports -d 'Have shard i listen on PORT+i, too, for clients that send each key to its owner; stats routing tells how [default: none]' -r
complete -c ringcached -l control-core -d 'The core for the threads that carry no shard; it gets none [default: any allowed core]' -r
complete -c ringcached -l spin-us -d 'How long a shard without work looks for some before it sleeps: more for latency, 0 for an idle core [default: 0]' -r
complete -c ringcached -l busy-poll-us -d 'How long the kernel polls the network card\'s queues for a shard before it sleeps; takes Linux 6.9 [default: 0, off]' -r
complete -c ringcached -s P -l pidfile -d 'File that holds the process\'s number while it runs [default: none]' -r -F
complete -c ringcached -s r -l enable-coredumps -d 'Raise the limit on core files as far as it may be [default: false]' -r -f -a "true\t''
false\t''"
complete -c ringcached -s u -l user -d 'User to become, when started as root [default: stay]' -r
complete -c ringcached -s o -l extended -d 'Extended options, listed below; repeatable, or separated by commas' -r
complete -c ringcached -l config -d 'Read settings from a TOML file: the long flags\' names as keys' -r -F
complete -c ringcached -s v -l verbose -d 'Log more; repeatable [default: warnings and start-up]'
complete -c ringcached -l print-config -d 'Print the effective configuration as TOML that --config reads back, and exit'
complete -c ringcached -s i -l license -d 'Print the licence and exit'
complete -c ringcached -s h -l help -d 'Print this help and exit'
complete -c ringcached -s V -l version -d 'Print the version and exit'
