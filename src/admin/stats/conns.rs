//! `stats conns`: the connections and listening sockets of all shards.

use crate::command::StatLines;
use crate::router::Report;

/// The lines of `stats conns`, by rising descriptor.
pub(in crate::admin) fn conns(reports: Vec<(usize, Report)>) -> StatLines {
    let of_shard = |(_, report)| match report {
        Report::Connections(connections, _) => connections,
        _ => Vec::new(),
    };
    let mut connections: Vec<_> = reports.into_iter().flat_map(of_shard).collect();
    connections.sort_by_key(|connection| connection.descriptor);
    let mut lines = StatLines::default();
    for connection in connections {
        let descriptor = connection.descriptor;
        lines.push(format!("{descriptor}:addr"), connection.address);
        if let Some(address) = connection.listen_address {
            lines.push(format!("{descriptor}:listen_addr"), address);
        }
        lines.push(format!("{descriptor}:state"), connection.state);
        lines.push(format!("{descriptor}:secs_since_last_cmd"), connection.idle_seconds);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::ConnectionReport;

    #[test]
    fn connections_of_all_shards_come_by_their_descriptors() {
        let connection = |descriptor, listen_address: Option<&str>| ConnectionReport {
            descriptor,
            address: "tcp:127.0.0.1:5".to_owned(),
            listen_address: listen_address.map(str::to_owned),
            state: "conn_read",
            idle_seconds: 3,
        };
        let reports = vec![
            (0, Report::Connections(vec![connection(9, None)], None)),
            (1, Report::Connections(vec![connection(7, Some("tcp:127.0.0.1:6"))], None)),
        ];
        let lines = conns(reports);
        let lines: Vec<_> = lines.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let expected = [
            "7:addr tcp:127.0.0.1:5",
            "7:listen_addr tcp:127.0.0.1:6",
            "7:state conn_read",
            "7:secs_since_last_cmd 3",
            "9:addr tcp:127.0.0.1:5",
            "9:state conn_read",
            "9:secs_since_last_cmd 3",
        ];
        assert_eq!(lines, expected);
    }
}
