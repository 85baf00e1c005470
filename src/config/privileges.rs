//! `-u`: who to become after start-up.

use super::ConfigError;
use nix::unistd::{self, Gid, Uid};
use std::ffi::CString;

/// A user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    name: String,
    uid: Uid,
    gid: Gid,
}

impl User {
    /// The login name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The user's number.
    pub fn uid(&self) -> u32 {
        self.uid.as_raw()
    }

    /// The number of the user's primary group.
    pub fn gid(&self) -> u32 {
        self.gid.as_raw()
    }
}

/// Looks `name` up.
pub(super) fn find(name: &str) -> Result<User, ConfigError> {
    match unistd::User::from_name(name) {
        Ok(Some(user)) => Ok(User { name: name.to_owned(), uid: user.uid, gid: user.gid }),
        Ok(None) => Err(ConfigError::NoSuchUser { name: name.to_owned() }),
        Err(cause) => Err(ConfigError::UserLookup { name: name.to_owned(), cause: cause.desc().to_owned() }),
    }
}

/// Becomes `user` for good: supplementary groups, group, user, in this order, since each step needs the rights
/// that the last one gives up. To be called once everything that needs root (limits, ports, the pidfile) is
/// done. Every thread of the process changes (glibc sees to it), those started later inherit.
pub fn drop_privileges(user: &User) -> Result<(), ConfigError> {
    let fail = |step| {
        move |cause: nix::Error| ConfigError::DropPrivileges {
            name: user.name.clone(),
            step,
            cause: cause.desc().to_owned(),
        }
    };
    let name = CString::new(user.name.as_str()).map_err(|_| ConfigError::NoSuchUser { name: user.name.clone() })?;
    unistd::initgroups(&name, user.gid).map_err(fail("initgroups"))?;
    unistd::setgid(user.gid).map_err(fail("setgid"))?;
    unistd::setuid(user.uid).map_err(fail("setuid"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_name() {
        assert_eq!(find("root").unwrap().uid(), 0);
        for missing in ["no-such-user", "", "a\0b"] {
            assert!(find(missing).is_err(), "{missing:?}");
        }
    }
}
