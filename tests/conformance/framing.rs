//! Where one command ends and the next begins: line ends, long pipelines, many connections at once.

use crate::support::{Case, Random, case};

/// Commands of the long pipelines.
const PIPELINE: usize = 1000;

/// The table.
pub fn cases() -> Vec<Case> {
    vec![
        case("lines may end in a bare newline")
            .talk("set a 0 0 1\nx\r\nget a\n", "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n")
            .talk("mg a v\n", "VA 1\r\nx\r\n")
            .talk("delete a\nincr a 1\n", "DELETED\r\nNOT_FOUND\r\n"),
        case("leading spaces do not count")
            .talk("set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk("   get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n"),
        case("commands and their values in one write").talk(
            "set a 0 0 1\r\nx\r\nget a\r\nappend a 0 0 1\r\ny\r\nget a\r\ndelete a\r\nget a\r\n",
            "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\nSTORED\r\nVALUE a 0 2\r\nxy\r\nEND\r\nDELETED\r\nEND\r\n",
        ),
        case("a command cut anywhere is one command")
            .send("se")
            .send("t a 0 0 ")
            .send("5\r")
            .send("\nhe")
            .send("llo\r")
            .talk("\nget", "STORED\r\n")
            .talk(" a\r\n", "VALUE a 0 5\r\nhello\r\nEND\r\n"),
        case("an unfinished command on one connection holds up no other")
            .send_on(1, "set b 0 0 100000\r\npart")
            .send_on(2, "get a")
            .talk_on(0, "set a 0 0 1\r\nx\r\n", "STORED\r\n")
            .talk_on(2, "\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n")
            .talk_on(0, "get b\r\n", "END\r\n")
            .talk_on(1, format!("{}\r\n", "x".repeat(100_000 - 4)), "STORED\r\n"),
        case("a pipeline is seen in order by itself: what is set is read at once").talk(
            (0..PIPELINE).map(|i| format!("set k{i} 0 0 4\r\n{i:04}\r\nget k{i}\r\n")).collect::<String>(),
            (0..PIPELINE).map(|i| format!("STORED\r\nVALUE k{i} 0 4\r\n{i:04}\r\nEND\r\n")).collect::<String>(),
        ),
        case("one key, written over and over in a pipeline").talk(
            (0..PIPELINE).map(|i| format!("set k {i} 0 4\r\n{i:04}\r\nget k\r\n")).collect::<String>(),
            (0..PIPELINE).map(|i| format!("STORED\r\nVALUE k {i} 4\r\n{i:04}\r\nEND\r\n")).collect::<String>(),
        ),
        case("one number, counted up in a pipeline")
            .talk("set n 0 0 1\r\n0\r\n", "STORED\r\n")
            .talk("incr n 1\r\n".repeat(PIPELINE), (1..=PIPELINE).map(|i| format!("{i}\r\n")).collect::<String>()),
        mixed_pipeline(1),
        mixed_pipeline(2),
        silent_pipeline(),
        large_values_pipeline(),
        errors_in_a_pipeline(),
    ]
}

/// All kinds of commands on a few keys, with a plain list as the judge of what must be answered.
fn mixed_pipeline(seed: u64) -> Case {
    const KEYS: u64 = 37;
    let mut random = Random::new(seed);
    let mut items: Vec<Option<String>> = vec![None; KEYS as usize];
    let (mut commands, mut replies) = (String::new(), String::new());
    for i in 0..PIPELINE {
        let key = random.below(KEYS) as usize;
        let item = &mut items[key];
        let (command, reply) = match random.below(9) {
            0 | 1 => {
                *item = Some(i.to_string());
                (format!("set k{key} 0 0 {}\r\n{i}\r\n", i.to_string().len()), "STORED\r\n".to_owned())
            }
            2 => {
                let stored = item.is_none();
                if stored {
                    *item = Some("1".to_owned());
                }
                (format!("add k{key} 0 0 1\r\n1\r\n"), if stored { "STORED\r\n" } else { "NOT_STORED\r\n" }.to_owned())
            }
            3 => {
                let reply = if item.take().is_some() { "DELETED\r\n" } else { "NOT_FOUND\r\n" };
                (format!("delete k{key}\r\n"), reply.to_owned())
            }
            4 => {
                let number = item.as_ref().map(|text| text.parse::<u64>().expect("a number") + 1);
                let reply = number.map_or("NOT_FOUND\r\n".to_owned(), |n| format!("{n}\r\n"));
                *item = number.map(|n| n.to_string());
                (format!("incr k{key} 1\r\n"), reply)
            }
            5 => {
                let grows = item.as_ref().is_some_and(|text| text.len() < 15);
                if !grows {
                    (
                        format!("touch k{key} 0\r\n"),
                        if item.is_some() { "TOUCHED\r\n" } else { "NOT_FOUND\r\n" }.to_owned(),
                    )
                } else {
                    item.as_mut().expect("it grows").push('7');
                    (format!("append k{key} 0 0 1\r\n7\r\n"), "STORED\r\n".to_owned())
                }
            }
            6 => {
                let reply = match item {
                    Some(text) => format!("VA {}\r\n{text}\r\n", text.len()),
                    None => "EN\r\n".to_owned(),
                };
                (format!("mg k{key} v\r\n"), reply)
            }
            _ => {
                let next = (key + 1) % KEYS as usize;
                let values: String = [key, next, key].into_iter().filter_map(|k| value(k, &items[k])).collect();
                (format!("get k{key} k{next} k{key}\r\n"), format!("{values}END\r\n"))
            }
        };
        commands += &command;
        replies += &reply;
    }
    let name = if seed == 1 { "a pipeline of 1000 mixed commands" } else { "another pipeline of 1000 mixed commands" };
    case(name).talk(commands, replies)
}

fn value(key: usize, item: &Option<String>) -> Option<String> {
    item.as_ref().map(|text| format!("VALUE k{key} 0 {}\r\n{text}\r\n", text.len()))
}

fn silent_pipeline() -> Case {
    let sets: String = (0..PIPELINE).map(|i| format!("set k{i} 0 0 4 noreply\r\n{i:04}\r\n")).collect();
    let keys: String = (0..PIPELINE).map(|i| format!(" k{i}")).collect();
    let values: String = (0..PIPELINE).map(|i| format!("VALUE k{i} 0 4\r\n{i:04}\r\n")).collect();
    case("1000 silent commands, then all of them read at once")
        .silent(sets)
        .talk(format!("get{keys}\r\n"), format!("{values}END\r\n"))
}

fn large_values_pipeline() -> Case {
    let (mut commands, mut replies) = (String::new(), String::new());
    for (i, size) in [100_000, 20, 16_384, 16_385, 500_000, 0, 65_536].into_iter().enumerate() {
        let bytes = char::from(b'a' + i as u8).to_string().repeat(size);
        commands += &format!("set k 0 0 {size}\r\n{bytes}\r\nget k\r\nset small{i} 0 0 1\r\nx\r\nget small{i} k\r\n");
        let k = format!("VALUE k 0 {size}\r\n{bytes}\r\n");
        replies += &format!("STORED\r\n{k}END\r\nSTORED\r\nVALUE small{i} 0 1\r\nx\r\n{k}END\r\n");
    }
    case("large and small values in one pipeline").talk(commands, replies)
}

fn errors_in_a_pipeline() -> Case {
    let commands = "bogus\r\nset a 0 0 1\r\nx\r\nincr a 1\r\ngetx\r\ntouch a x\r\nget a\r\nmg a !\r\nmn\r\n";
    let replies = "ERROR\r\nSTORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\nERROR\r\n\
                   CLIENT_ERROR invalid exptime argument\r\nVALUE a 0 1\r\nx\r\nEND\r\nCLIENT_ERROR invalid flag\r\nMN\r\n";
    case("errors take their place in the order of replies").talk(commands.repeat(50), replies.repeat(50))
}
