//! The machine and the command that figures belong to.

use std::time::SystemTime;

use rustix::system::uname;
use serde::Serialize;

/// Where and how a result came about.
#[derive(Clone, Debug, Serialize)]
pub struct Origin {
    /// The command line, as a shell would take it.
    pub command_line: String,
    /// When it ended, in UTC.
    pub ended: String,
    /// Of this program.
    pub version: &'static str,
    /// The generator's machine.
    pub host: Host,
}

/// The generator's machine.
#[derive(Clone, Debug, Serialize)]
pub struct Host {
    pub name: String,
    /// System, release and architecture.
    pub kernel: String,
    /// The processor's model; empty where the kernel does not tell.
    pub cpu: String,
    /// Processors that this process may use.
    pub cpus: usize,
}

impl Origin {
    /// Of this process, now.
    pub fn of_this_process() -> Self {
        Origin {
            command_line: command_line(std::env::args()),
            ended: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            version: env!("CARGO_PKG_VERSION"),
            host: Host::this(),
        }
    }
}

impl Host {
    fn this() -> Self {
        let system = uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Host {
            name: text(system.nodename()),
            kernel: [system.sysname(), system.release(), system.machine()].map(text).join(" "),
            cpu: cpu_model(&cpus).unwrap_or_default().to_owned(),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

fn cpu_model(cpuinfo: &str) -> Option<&str> {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim() == "model name")
        .map(|f| f.1.trim())
}

/// The program's name without its directory, and its arguments, quoted where a shell would split or expand them.
fn command_line(mut arguments: impl Iterator<Item = String>) -> String {
    let program = arguments.next().unwrap_or_default();
    let mut line = program.rsplit('/').next().unwrap_or_default().to_owned();
    for argument in arguments {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:,=+@%".contains(&byte);
        line.push(' ');
        if !argument.is_empty() && argument.bytes().all(plain) {
            line += &argument;
        } else {
            line += &format!("'{}'", argument.replace('\'', r"'\''"));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_pasted() {
        let line = |arguments: &[&str]| command_line(arguments.iter().map(|a| a.to_string()));
        assert_eq!(line(&["/usr/bin/ringload", "run", "--rate", "10k..20k"]), "ringload run --rate 10k..20k");
        assert_eq!(line(&["ringload", "a b", "it's", "", "$x"]), r"ringload 'a b' 'it'\''s' '' '$x'");
    }

    #[test]
    fn this_machine_has_a_name() {
        let host = Host::this();
        assert!(!host.kernel.is_empty() && host.cpus > 0, "{host:?}");
        assert_eq!(cpu_model("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\n"), Some("Some CPU @ 2 GHz"));
        assert_eq!(cpu_model("processor\t: 0\n"), None);
    }
}
