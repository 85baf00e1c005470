//! The grammar of `--listen`: `addr`, `addr:port`, `[v6]`, `[v6]:port`, a bare v6 address, `*`, or a host name
//! with or without a port; several of them separated by commas or semicolons, as memcached accepts.

use super::ConfigError;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

/// One entry of a `--listen` list, before the port of `-p` is filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: Host,
    pub(super) port: Option<u16>,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Ip(IpAddr),
    /// Its IPv4 addresses are taken, or the IPv6 ones if it has no other: a host file that maps `localhost` to
    /// `::1` as well must not stop the server on a machine without IPv6.
    Name(String),
}

/// Reads one value of `--listen`, a list separated by commas, or semicolons.
pub(super) fn parse_list(text: &str) -> Result<Vec<Address>, ConfigError> {
    text.split([',', ';']).map(|part| parse(part.trim())).collect()
}

fn parse(text: &str) -> Result<Address, ConfigError> {
    let refuse = |reason| ConfigError::Address { text: text.to_owned(), reason };
    if let Some(rest) = text.strip_prefix('[') {
        let (inner, after) = rest.split_once(']').ok_or_else(|| refuse("the closing bracket is missing"))?;
        let ip: Ipv6Addr = inner.parse().map_err(|_| refuse("an IPv6 address belongs between the brackets"))?;
        let port = match after.strip_prefix(':') {
            Some(port) => Some(parse_port(port).ok_or_else(|| refuse("a port is a number up to 65535"))?),
            None if after.is_empty() => None,
            None => return Err(refuse("only :port may follow the bracket")),
        };
        return Ok(Address { host: Host::Ip(ip.into()), port });
    }
    // A bare v6 address has at least two colons, everything else at most one.
    if let Ok(ip) = text.parse::<Ipv6Addr>() {
        return Ok(Address { host: Host::Ip(ip.into()), port: None });
    }
    let (host, port) = match text.split_once(':') {
        Some(("notls", _)) => return Err(refuse("leave notls: away, nothing is encrypted here")),
        Some((_, port)) if port.contains(':') => {
            return Err(refuse("write an IPv6 address with a port as [addr]:port"));
        }
        Some((host, port)) => (host, Some(parse_port(port).ok_or_else(|| refuse("a port is a number up to 65535"))?)),
        None => (text, None),
    };
    let host = match host {
        "" => return Err(refuse("the address is empty")),
        "*" => Host::Ip(Ipv4Addr::UNSPECIFIED.into()),
        host => match host.parse::<Ipv4Addr>() {
            Ok(ip) => Host::Ip(ip.into()),
            Err(_) if is_name(host) => Host::Name(host.to_owned()),
            Err(_) => return Err(refuse("that is neither an address nor a host name")),
        },
    };
    Ok(Address { host, port })
}

fn parse_port(text: &str) -> Option<u16> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A host name has a letter in it, so that a mistyped number (`127.0.0.256`) is not looked up.
fn is_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.' || b == b'_')
        && text.bytes().any(|b| b.is_ascii_alphabetic())
}

/// The socket addresses of `address`, on `port` unless it names its own. Looks host names up.
pub(super) fn resolve(address: &Address, port: u16) -> Result<Vec<SocketAddr>, ConfigError> {
    let port = address.port.unwrap_or(port);
    match &address.host {
        Host::Ip(ip) => Ok(vec![SocketAddr::new(*ip, port)]),
        Host::Name(name) => {
            let refuse = |cause: String| ConfigError::HostName { name: name.clone(), cause };
            let found = (name.as_str(), port).to_socket_addrs().map_err(|e| refuse(e.to_string()))?;
            let (v4, v6): (Vec<_>, Vec<_>) = found.partition(SocketAddr::is_ipv4);
            match (v4.is_empty(), v6.is_empty()) {
                (true, true) => Err(refuse("it has no address".to_owned())),
                (true, false) => Ok(v6),
                _ => Ok(v4),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str, port: Option<u16>) -> Address {
        Address { host: Host::Ip(text.parse().unwrap()), port }
    }

    #[test]
    fn every_form_is_read() {
        let cases = [
            ("127.0.0.1", ip("127.0.0.1", None)),
            ("10.0.0.1:80", ip("10.0.0.1", Some(80))),
            ("[::1]:11212", ip("::1", Some(11212))),
            ("[fe80::1]", ip("fe80::1", None)),
            ("::1", ip("::1", None)),
            ("::", ip("::", None)),
            ("*", ip("0.0.0.0", None)),
            ("*:5", ip("0.0.0.0", Some(5))),
            ("localhost:7", Address { host: Host::Name("localhost".to_owned()), port: Some(7) }),
        ];
        for (text, address) in cases {
            assert_eq!(parse(text).unwrap(), address, "{text}");
        }
        for list in ["127.0.0.1:1, ::1", "127.0.0.1:1;::1"] {
            assert_eq!(parse_list(list).unwrap(), [ip("127.0.0.1", Some(1)), ip("::1", None)]);
        }
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for bad in [
            "",
            ":1",
            "127.0.0.1:",
            "127.0.0.1:65536",
            "127.0.0.1:+1",
            "127.0.0.256",
            "[::1",
            "[::1]x",
            "[1.2.3.4]:5",
            "::1:99999:z",
            "1:2:3",
            "a b",
            "127.0.0.1,",
            "notls:127.0.0.1:1",
            "[::1]:",
        ] {
            assert!(matches!(parse_list(bad), Err(ConfigError::Address { .. })), "{bad:?}");
        }
    }

    #[test]
    fn an_own_port_wins() {
        assert_eq!(resolve(&ip("::1", None), 5).unwrap(), ["[::1]:5".parse().unwrap()]);
        assert_eq!(resolve(&ip("::1", Some(6)), 5).unwrap(), ["[::1]:6".parse().unwrap()]);
    }
}
