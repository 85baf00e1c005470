//! The protocols that the server of the tests understands: each request becomes the words of a text command, and the text
//! reply is told in the protocol of the request.

use std::io::{BufRead, Read};

/// A request in the words of the text protocol.
pub struct Request {
    pub words: Vec<Vec<u8>>,
    pub value: Vec<u8>,
    form: Form,
}

/// How the reply is told.
enum Form {
    Text,
    Meta {
        key: Vec<u8>,
        flags: Vec<Vec<u8>>,
    },
    Binary {
        opcode: u8,
        key: Vec<u8>,
    },
    /// The keys that an array answers for, if one does.
    Resp {
        array: Option<Vec<Vec<u8>>>,
    },
}

fn words(parts: &[&[u8]]) -> Vec<Vec<u8>> {
    parts.iter().map(|part| part.to_vec()).collect()
}

fn number(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn bytes(input: &mut impl Read, count: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; count];
    input.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// Reads one request; `None` at the connection's end.
pub fn read(input: &mut impl BufRead) -> Option<Request> {
    match input.fill_buf().ok()?.first()? {
        0x80 => read_binary(input),
        b'*' => read_resp(input),
        _ => read_line(input),
    }
}

fn line(input: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    input.read_until(b'\n', &mut line).ok().filter(|read| *read > 0)?;
    Some(line.trim_ascii_end().to_vec())
}

fn read_line(input: &mut impl BufRead) -> Option<Request> {
    let line = line(input)?;
    let said: Vec<Vec<u8>> = line.split(|b| *b == b' ').map(<[u8]>::to_vec).collect();
    let size = match said[0].as_slice() {
        b"set" | b"add" | b"replace" | b"append" | b"prepend" | b"cas" => said.get(4),
        b"ms" => said.get(2),
        _ => None,
    };
    let mut value = Vec::new();
    if let Some(size) = size.and_then(|size| number(size)) {
        value = bytes(input, size + 2)?;
        value.truncate(size);
    }
    let meta = matches!(said[0].as_slice(), b"mg" | b"ms" | b"md" | b"ma" | b"mn");
    if !meta {
        return Some(Request { words: said, value, form: Form::Text });
    }
    let key = said.get(1).cloned().unwrap_or_default();
    let flags: Vec<Vec<u8>> = said.iter().skip(2).cloned().collect();
    let flag = |letter: u8| flags.iter().find(|flag| flag.first() == Some(&letter)).map(|flag| flag[1..].to_vec());
    let verb: &[u8] = match (said[0].as_slice(), flag(b'M').as_deref()) {
        (b"mg", _) if flag(b'v').is_none() => b"touch",
        (b"mg", _) if flag(b'c').is_some() => b"gets",
        (b"mg", _) => b"get",
        (b"ms", Some(b"E")) => b"add",
        (b"ms", Some(b"R")) => b"replace",
        (b"ms", Some(b"A")) => b"append",
        (b"ms", Some(b"P")) => b"prepend",
        (b"ms", _) if flag(b'C').is_some() => b"cas",
        (b"ms", _) => b"set",
        (b"ma", Some(b"D")) => b"decr",
        (b"ma", _) => b"incr",
        (b"md", _) => b"delete",
        _ => b"noop",
    };
    let argument = if verb.ends_with(b"cr") { flag(b'D') } else { Some(b"0".to_vec()) }.unwrap_or_default();
    let cas = flag(b'C').unwrap_or_default();
    let words =
        if verb.starts_with(b"get") { words(&[verb, &key]) } else { words(&[verb, &key, &argument, b"0", b"0", &cas]) };
    Some(Request { words, value, form: Form::Meta { key, flags } })
}

fn read_binary(input: &mut impl BufRead) -> Option<Request> {
    let head = bytes(input, 24)?;
    let (opcode, key_len, extras_len) = (head[1], usize::from(head[3]), usize::from(head[4]));
    let body = bytes(input, u32::from_be_bytes(head[8..12].try_into().unwrap()) as usize)?;
    let (extras, rest) = body.split_at(extras_len);
    let (key, value) = rest.split_at(key_len);
    let cas = u64::from_be_bytes(head[16..24].try_into().unwrap());
    let verb: &[u8] = match opcode {
        0x00 | 0x0d => b"gets",
        0x01 if cas > 0 => b"cas",
        0x01 => b"set",
        0x02 => b"add",
        0x03 => b"replace",
        0x04 => b"delete",
        0x05 => b"incr",
        0x06 => b"decr",
        0x0e => b"append",
        0x0f => b"prepend",
        0x1c => b"touch",
        _ => b"noop",
    };
    let delta = extras.first_chunk().map_or(0, |delta| u64::from_be_bytes(*delta)).to_string();
    let words = if verb == b"gets" {
        words(&[verb, key])
    } else {
        words(&[verb, key, delta.as_bytes(), b"0", b"0", cas.to_string().as_bytes()])
    };
    Some(Request { words, value: value.to_vec(), form: Form::Binary { opcode, key: key.to_vec() } })
}

fn read_resp(input: &mut impl BufRead) -> Option<Request> {
    let count = number(&line(input)?[1..])?;
    let mut said = Vec::new();
    for _ in 0..count {
        let size = number(&line(input)?[1..])?;
        let mut word = bytes(input, size + 2)?;
        word.truncate(size);
        said.push(word);
    }
    let (key, keys) = (said.get(1).cloned().unwrap_or_default(), said[1..].to_vec());
    let mut array = None;
    let mut value = Vec::new();
    let words = match said[0].as_slice() {
        b"GET" => words(&[b"get", &key]),
        b"MGET" => {
            array = Some(keys.clone());
            [words(&[b"get"]), keys].concat()
        }
        b"SET" => {
            value = said[2].clone();
            let verb = if said.contains(&b"NX".to_vec()) { b"add".as_slice() } else { b"set" };
            words(&[verb, &key])
        }
        b"INCRBY" => words(&[b"incrby", &key, &said[2]]),
        b"DEL" => words(&[b"delete", &key]),
        b"EXPIRE" => words(&[b"touch", &key]),
        _ => words(&[b"unknown"]),
    };
    Some(Request { words, value, form: Form::Resp { array } })
}

/// A value of a text reply: key, value, cas.
type Value = (Vec<u8>, Vec<u8>, u64);

/// The values of a text reply to a read.
fn values(mut reply: &[u8]) -> Vec<Value> {
    let mut values = Vec::new();
    while reply.starts_with(b"VALUE ") {
        let end = reply.iter().position(|b| *b == b'\r').unwrap();
        let head: Vec<&[u8]> = reply[6..end].split(|b| *b == b' ').collect();
        let len = number(head[2]).unwrap();
        let value = reply[end + 2..end + 2 + len].to_vec();
        values.push((head[0].to_vec(), value, head.get(3).and_then(|cas| number(cas)).unwrap_or(0) as u64));
        reply = &reply[end + 2 + len + 2..];
    }
    values
}

impl Request {
    /// The text reply, told as this request wants it.
    pub fn tell(&self, text: Vec<u8>) -> Vec<u8> {
        match &self.form {
            Form::Text => text,
            Form::Meta { key, flags } => tell_meta(key, flags, &text),
            Form::Binary { opcode, key } => tell_binary(*opcode, key, &text),
            Form::Resp { array } => tell_resp(array.as_deref(), &text),
        }
    }
}

fn tell_meta(key: &[u8], flags: &[Vec<u8>], text: &[u8]) -> Vec<u8> {
    let wants = |letter: u8| flags.iter().any(|flag| flag == &[letter]);
    if let Some((_, value, cas)) = values(text).pop() {
        let mut head = format!("VA {}", value.len()).into_bytes();
        if wants(b'k') {
            head.extend([b" k", key].concat());
        }
        if wants(b'c') {
            head.extend(format!(" c{cas}").into_bytes());
        }
        return [head.as_slice(), b"\r\n", &value, b"\r\n"].concat();
    }
    let line = text.trim_ascii_end();
    let told: &[u8] = match line {
        b"END" if wants(b'q') => return Vec::new(),
        b"END" => b"EN",
        b"STORED" | b"DELETED" | b"TOUCHED" => b"HD",
        b"NOT_STORED" => b"NS",
        b"EXISTS" => b"EX",
        b"NOT_FOUND" => b"NF",
        digits if digits[0].is_ascii_digit() && wants(b'v') => {
            return [format!("VA {}\r\n", digits.len()).as_bytes(), digits, b"\r\n"].concat();
        }
        digits if digits[0].is_ascii_digit() => b"HD",
        line => line,
    };
    [told, b"\r\n"].concat()
}

fn tell_binary(opcode: u8, key: &[u8], text: &[u8]) -> Vec<u8> {
    let packet = |status: u16, extras: &[u8], key: &[u8], value: &[u8], cas: u64| {
        let body = (extras.len() + key.len() + value.len()) as u32;
        let lens = [(key.len() as u16).to_be_bytes(), [extras.len() as u8, 0], status.to_be_bytes()].concat();
        let head = [[0x81, opcode].as_slice(), &lens, &body.to_be_bytes(), &[0; 4], &cas.to_be_bytes()].concat();
        [head.as_slice(), extras, key, value].concat()
    };
    if let Some((_, value, cas)) = values(text).pop() {
        return packet(0, &[0; 4], if opcode == 0x0d { key } else { b"" }, &value, cas);
    }
    let line = text.trim_ascii_end();
    let status = match line {
        b"NONSENSE" => return text.to_vec(),
        b"END" if opcode == 0x0d => return Vec::new(),
        b"STORED" | b"DELETED" | b"TOUCHED" | b"MN" => 0,
        b"END" | b"NOT_FOUND" => 1,
        b"EXISTS" => 2,
        b"NOT_STORED" => 5,
        b"CLIENT_ERROR cannot increment or decrement non-numeric value" => 6,
        digits if digits[0].is_ascii_digit() => {
            let number = number(digits).unwrap() as u64;
            return packet(0, b"", b"", &number.to_be_bytes(), 0);
        }
        _ => 0x84,
    };
    packet(status, b"", b"", if status == 0x84 { line } else { b"" }, 0)
}

fn tell_resp(array: Option<&[Vec<u8>]>, text: &[u8]) -> Vec<u8> {
    let bulk = |value: &[u8]| [format!("${}\r\n", value.len()).as_bytes(), value, b"\r\n"].concat();
    let mut values = values(text);
    let line = text.trim_ascii_end();
    if let (Some(keys), true) = (array, line.ends_with(b"END")) {
        let mut told = format!("*{}\r\n", keys.len()).into_bytes();
        for key in keys {
            let value = values.iter().find(|value| value.0 == *key).map(|value| bulk(&value.1));
            told.extend(value.unwrap_or_else(|| b"$-1\r\n".to_vec()));
        }
        return told;
    }
    if let Some((_, value, _)) = values.pop() {
        return bulk(&value);
    }
    match line {
        b"STORED" => b"+OK\r\n".to_vec(),
        b"END" | b"NOT_STORED" => b"$-1\r\n".to_vec(),
        b"DELETED" | b"TOUCHED" => b":1\r\n".to_vec(),
        b"NOT_FOUND" => b":0\r\n".to_vec(),
        b"NONSENSE" => text.to_vec(),
        digits if digits[0].is_ascii_digit() => [b":", digits, b"\r\n"].concat(),
        error => [b"-", error, b"\r\n"].concat(),
    }
}
