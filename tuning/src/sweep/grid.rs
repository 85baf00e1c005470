//! The grid: flags of the server and the values that each is to have, and all combinations of them.

use crate::Error;

/// Most combinations that are tried.
pub const COMBINATIONS_MAX: usize = 256;

/// Flags that a sweep sets by itself, or that would keep the server from serving it.
const OWN: [&str; 16] = [
    "port",
    "p",
    "listen",
    "l",
    "unix-socket",
    "s",
    "config",
    "print-config",
    "help",
    "h",
    "version",
    "V",
    "license",
    "i",
    "pidfile",
    "P",
];

/// A flag and its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// The flag without its dashes.
    pub name: String,
    /// In the order given.
    pub values: Vec<String>,
}

impl std::str::FromStr for Axis {
    type Err = String;

    /// `NAME=VALUE,VALUE`, or with semicolons where values have commas: `cores=0;0,1`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, values) = text.split_once('=').ok_or("write NAME=VALUE,VALUE with a flag of the server")?;
        let name = name.trim_start_matches('-');
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(format!("`{name}` is no name of a flag"));
        }
        if OWN.contains(&name) {
            return Err(format!("{name} is not for a sweep to vary: it starts each server on a port of its own"));
        }
        let separator = if values.contains(';') { ';' } else { ',' };
        let values: Vec<String> = values.split(separator).map(|value| value.trim().to_owned()).collect();
        if values.iter().any(String::is_empty) {
            return Err(format!("{name} has an empty value"));
        }
        if let Some(at) = (1..values.len()).find(|at| values[..*at].contains(&values[*at])) {
            return Err(format!("{name} has the value {} twice", values[at]));
        }
        Ok(Axis { name: name.to_owned(), values })
    }
}

/// One combination: a value for each flag.
pub type Point = Vec<(String, String)>;

/// All combinations, the last flag's values changing fastest.
pub fn points(axes: &[Axis]) -> Result<Vec<Point>, Error> {
    let twice = (1..axes.len()).find(|at| axes[..*at].iter().any(|axis| axis.name == axes[*at].name));
    if let Some(at) = twice {
        return Err(Error::Usage(format!("--grid {} is given twice; put all values into one", axes[at].name)));
    }
    let count = axes.iter().try_fold(1usize, |count, axis| count.checked_mul(axis.values.len()));
    if count.is_none_or(|count| count > COMBINATIONS_MAX) {
        return Err(Error::Usage(format!("the grid has more than {COMBINATIONS_MAX} combinations; give fewer values")));
    }
    let mut points: Vec<Point> = vec![Vec::new()];
    for axis in axes {
        let with = |point: &Point| {
            let point = point.clone();
            axis.values.iter().map(move |value| [point.clone(), vec![(axis.name.clone(), value.clone())]].concat())
        };
        points = points.iter().flat_map(with).collect();
    }
    Ok(points)
}

/// The arguments of the server for `point`.
pub fn arguments(point: &Point) -> Vec<String> {
    let argument = |(name, value): &(String, String)| match name.len() {
        1 => vec![format!("-{name}"), value.clone()],
        // With the sign, so that flags which stand for true alone take a value, too.
        _ => vec![format!("--{name}={value}")],
    };
    point.iter().flat_map(argument).collect()
}

/// `point` as on the server's command line.
pub fn words(point: &Point) -> String {
    let flags = arguments(point);
    if flags.is_empty() { "the defaults".to_owned() } else { flags.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_are_all_there_in_order() {
        let axes: Vec<Axis> = ["cores=0;0,1", "steering=hash,cpu"].map(|text| text.parse().unwrap()).into();
        let all: Vec<String> = points(&axes).unwrap().iter().map(|point| arguments(point).join(" ")).collect();
        assert_eq!(
            all,
            [
                "--cores=0 --steering=hash",
                "--cores=0 --steering=cpu",
                "--cores=0,1 --steering=hash",
                "--cores=0,1 --steering=cpu"
            ]
        );
        assert_eq!(points(&[]).unwrap(), [Vec::new()], "without a grid the defaults are measured");
        assert_eq!(arguments(&vec![("t".to_owned(), "2".to_owned())]), ["-t", "2"]);
    }

    #[test]
    fn malformed_grids_are_refused() {
        for bad in
            ["cores", "=1", "co res=1", "cores=", "cores=0;", "steering=hash,hash", "port=1,2", "-p=1", "config=x"]
        {
            assert!(bad.parse::<Axis>().is_err(), "{bad}");
        }
        let axis = |text: &str| text.parse::<Axis>().unwrap();
        assert!(points(&[axis("a1=1"), axis("a1=2")]).is_err());
        let many: Vec<Axis> = (0..9).map(|n| axis(&format!("a{n}=1,2"))).collect();
        assert!(points(&many).is_err() && points(&many[..8]).is_ok());
    }
}
