//! Literal bytes in, literal bytes out, over a model of a cache that is a plain map.

mod limits;
mod meta;
mod model;
mod steps;
mod text;

use model::Connection;

/// What one fresh connection to an empty cache answers.
fn answer(input: &[u8]) -> String {
    let mut connection = Connection::new();
    connection.receive(input);
    connection.output()
}

/// Checks a table of inputs and answers, each on a fresh connection to an empty cache.
fn check(cases: &[(&str, &str)]) {
    for (input, expected) in cases {
        assert_eq!(answer(input.as_bytes()), *expected, "{input:?}");
    }
}
