# The steps of CI by name; `.ci/run` is what runs them, so that both are one.

# List the targets.
default:
    @just --list

# Serve on 127.0.0.1:11211, one shard on every allowed core.
run *flags:
    cargo run --release -- {{flags}}

# Everything that CI checks.
ci:
    .ci/run

# Install what the tests need (Debian).
tools:
    .ci/run tools

# Check the formatting.
format:
    .ci/run format

# Clippy, warnings refused.
lint:
    .ci/run lint

# All tests, every real client required.
test:
    .ci/run test

# Every benchmark once, unmeasured.
bench:
    .ci/run bench

# The release build under load, end to end.
e2e:
    .ci/run e2e

# The wire suite against Debian's memcached.
reference:
    .ci/run reference

# Server CPU per request beside the peers' (minutes; on a quiet machine).
compare *flags:
    benches/compare/run {{flags}}

# Licences, advisories and sources of the dependencies (needs cargo-deny and the network).
deny:
    cargo deny check
