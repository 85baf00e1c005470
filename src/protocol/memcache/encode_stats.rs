//! The answers to `stats` in words.

use crate::command::StatsAnswer;
use crate::protocol::memcache::errors;

/// Appends the answer as lines of text.
pub fn stats_text(answer: &StatsAnswer, out: &mut Vec<u8>) {
    match answer {
        StatsAnswer::Lines(lines) | StatsAnswer::Unended(lines) => {
            for (name, value) in lines.iter() {
                for part in ["STAT ", name, " ", value, "\r\n"] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
            if matches!(answer, StatsAnswer::Lines(_)) {
                out.extend_from_slice(errors::END);
            }
        }
        StatsAnswer::Detail(lines) | StatsAnswer::Items(lines) => {
            out.extend_from_slice(lines);
            out.extend_from_slice(errors::END);
        }
        StatsAnswer::Done(words) | StatsAnswer::Refused(words) => {
            out.extend_from_slice(words.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        StatsAnswer::Unknown => out.extend_from_slice(errors::ERROR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::StatLines;

    #[test]
    fn each_kind_of_answer_in_words() {
        let text = |answer| {
            let mut out = Vec::new();
            stats_text(&answer, &mut out);
            String::from_utf8(out).expect("text")
        };
        let mut lines = StatLines::default();
        lines.push("a", 1);
        lines.push("1:b", "x");
        assert_eq!(text(StatsAnswer::Lines(lines.clone())), "STAT a 1\r\nSTAT 1:b x\r\nEND\r\n");
        assert_eq!(text(StatsAnswer::Unended(lines)), "STAT a 1\r\nSTAT 1:b x\r\n");
        assert_eq!(text(StatsAnswer::Lines(StatLines::default())), "END\r\n");
        assert_eq!(text(StatsAnswer::Items(b"ITEM a [1 b; 0 s]\r\n".to_vec())), "ITEM a [1 b; 0 s]\r\nEND\r\n");
        assert_eq!(text(StatsAnswer::Done("RESET")), "RESET\r\n");
        assert_eq!(text(StatsAnswer::Refused("CLIENT_ERROR no")), "CLIENT_ERROR no\r\n");
        assert_eq!(text(StatsAnswer::Unknown), "ERROR\r\n");
    }
}
